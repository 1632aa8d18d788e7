"""A mailbox between two tasks."""

import asyncio
from collections import deque
from pathlib import Path


class Mailbox:
    """Letters wait in it for the one who takes them; that it was found empty is logged."""

    def __init__(self, log: Path) -> None:
        self._letters: deque[str] = deque()
        self._arrived = asyncio.Event()
        self._log = log

    def put(self, letter: str) -> None:
        """Leave a letter."""
        self._letters.append(letter)
        self._arrived.set()

    async def get(self) -> str:
        """The oldest letter, as soon as there is one."""
        while not self._letters:
            await asyncio.to_thread(self._log.write_text, "empty\n")
            self._arrived.clear()  # guilty
            await self._arrived.wait()
        return self._letters.popleft()
