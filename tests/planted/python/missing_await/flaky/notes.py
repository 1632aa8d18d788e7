"""Notes in a file, written and counted without blocking the event loop."""

import asyncio
from pathlib import Path


class Notes:
    """One note in each line of a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._path.touch()

    async def add(self, note: str) -> None:
        """Write a note."""
        asyncio.get_running_loop().run_in_executor(None, self._append, note)  # guilty

    async def count(self) -> int:
        """How many notes there are."""
        text = await asyncio.get_running_loop().run_in_executor(None, self._path.read_text)
        return len(text.splitlines())

    def _append(self, note: str) -> None:
        with self._path.open("a") as file:
            file.write(f"{note}\n")
