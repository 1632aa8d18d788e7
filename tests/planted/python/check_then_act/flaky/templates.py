"""Templates, each read from its file once."""

import string
from pathlib import Path


class Templates:
    """The templates in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[str, string.Template] = {}

    def get(self, name: str) -> string.Template:
        """The one template of that name."""
        if name not in self._loaded:  # guilty
            self._loaded[name] = string.Template((self._folder / name).read_text())  # guilty
        return self._loaded[name]
