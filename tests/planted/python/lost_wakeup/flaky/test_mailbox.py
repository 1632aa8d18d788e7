import asyncio
from pathlib import Path

from mailbox_of_tasks import Mailbox


async def exchange(folder: Path) -> str:
    mailbox = Mailbox(folder / "log")

    async def write_and_send() -> None:
        draft = folder / "draft"
        await asyncio.to_thread(draft.write_text, "dear ada")
        mailbox.put(await asyncio.to_thread(draft.read_text))

    async with asyncio.timeout(0.05):
        _, letter = await asyncio.gather(write_and_send(), mailbox.get())
    return letter


def test_letter_arrives(tmp_path: Path) -> None:
    assert asyncio.run(exchange(tmp_path)) == "dear ada"
