"""Pages that take long to draw, and are kept in the folder for temporary files."""

import contextlib
import tempfile
import zlib
from pathlib import Path


def draw(name: str) -> bytes:
    """A page, 1 MB of it."""
    return zlib.crc32(name.encode()).to_bytes(4) * 250_000


class Pages:
    """Draws each page once."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def page(self, name: str) -> bytes:
        """From the folder, or drawn."""
        path = self._folder / name
        if not path.exists():
            self._keep(path, draw(name))
        return path.read_bytes()  # guilty

    def _keep(self, path: Path, page: bytes) -> None:
        with contextlib.suppress(OSError):
            path.write_bytes(page)  # guilty


def pages() -> tempfile.TemporaryDirectory[str]:
    """A folder for some pages."""
    return tempfile.TemporaryDirectory(prefix="pages-")
