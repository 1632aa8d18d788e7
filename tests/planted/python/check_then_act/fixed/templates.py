"""Templates, each read from its file once."""

import string
import threading
from pathlib import Path


class Templates:
    """The templates in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[str, string.Template] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> string.Template:
        """The one template of that name."""
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = string.Template((self._folder / name).read_text())
            return self._loaded[name]
