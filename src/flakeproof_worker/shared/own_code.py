"""Which code is the user's own: neither the standard library, nor what is installed, nor flakeproof's worker.

There are two questions. `is_library` tells it from the path alone, of whichever interpreter: code anywhere else, also
text that was executed (`<string>`), may be the user's. `OwnCode` is stricter: the code has to be in the folders of the
project.
"""

import re
from collections.abc import Iterable, Mapping

from flakeproof_worker.shared.private import os

_INSTALLED = re.compile(r"/(?:site|dist)-packages/|/lib/python\d+\.\d+/")
_WORKER = os.path.dirname(os.path.dirname(os.path.realpath(__file__))) + "/"
_NOT_THEIRS = re.compile(rf"{_INSTALLED.pattern}|^<frozen |/flakeproof_worker/")


def is_installed(file: str) -> bool:
    """Whether `file` is in the standard library of an interpreter, or among what is installed in it."""
    return _INSTALLED.search(file) is not None


def is_library(file: str) -> bool:
    """Whether the code in `file` is not the user's: installed, a part of the interpreter, or flakeproof's."""
    return _NOT_THEIRS.search(file) is not None


class OwnCode:
    """The code below some folders."""

    def __init__(self, folders: Iterable[str]) -> None:
        """`folders` are absolute paths."""
        given = [folder.rstrip("/") + "/" for folder in folders]
        self._roots = tuple(dict.fromkeys([*given, *(os.path.realpath(folder).rstrip("/") + "/" for folder in given)]))

    def relative(self, filename: str) -> str | None:
        """The path of `filename` below its folder; None where it is not the project's own."""
        for root in self._roots:
            if filename.startswith(root):
                rest = filename[len(root) :]
                if _INSTALLED.search("/" + rest) or filename.startswith(_WORKER):
                    return None
                return rest
        return None


def folders_of(target: Mapping[str, object]) -> list[str]:
    """Where the own code of a target is, as the coordinator has described it."""
    packages = target.get("packages")
    return [str(target["folder"]), *(map(str, packages.values()) if isinstance(packages, dict) else ())]
