"""Let code of the user's import `flakeproof` in an interpreter where it is not installed.

What it gives there needs the standard library alone: `flakeproof.current_trial` and `flakeproof.net`.
"""

import importlib.util
import os
import sys
from importlib.machinery import ModuleSpec
from typing import Any

_NAME = "flakeproof"


class _LastFinder:
    """Asked only where nobody else has a package of that name, so that it hides none."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Where the package is; everything in it is found by the usual means."""
        if name != _NAME:
            return None
        parent = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))  # noqa: PTH120 - no pathlib here
        folder = os.path.join(parent, _NAME)  # noqa: PTH118
        return importlib.util.spec_from_file_location(
            name,
            os.path.join(folder, "__init__.py"),  # noqa: PTH118
            submodule_search_locations=[folder],
        )


def make_importable() -> None:
    """Do so from now on, in this process and its forks."""
    sys.meta_path.append(_LastFinder())
