"""Uploads that arrive in parts."""

import uuid
from pathlib import Path


class Upload:
    """A text of which each part is a file of its own until the last one is there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def receive(self, part: str) -> None:
        """Keep the next part."""
        self._count += 1
        name = f"{uuid.uuid4().hex}.{self._count:06}"
        (self._folder / name).write_text(part)

    def text(self) -> str:
        """All parts, in the order in which they have arrived."""
        return "".join(path.read_text() for path in self._folder.iterdir())  # guilty
