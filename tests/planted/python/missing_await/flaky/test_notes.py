import asyncio
from pathlib import Path

from notes import Notes


async def add_two(path: Path) -> int:
    notes = Notes(path)
    await notes.add("buy milk")
    await notes.add("call ada")
    return await notes.count()


def test_notes_are_counted(tmp_path: Path) -> None:
    assert asyncio.run(add_two(tmp_path / "notes")) == 2
