"""Pages that take long to draw, and are kept in the folder for temporary files."""

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
        if path.exists():
            return path.read_bytes()
        page = draw(name)
        self._keep(path, page)
        return page

    def _keep(self, path: Path, page: bytes) -> None:
        whole = path.with_suffix(".part")
        try:
            whole.write_bytes(page)
            whole.rename(path)
        except OSError:
            whole.unlink(missing_ok=True)


def pages() -> tempfile.TemporaryDirectory[str]:
    """A folder for some pages."""
    return tempfile.TemporaryDirectory(prefix="pages-")
