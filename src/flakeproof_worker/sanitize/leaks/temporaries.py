"""Temporary files and folders that outlive their trial: made by `tempfile`, and never removed."""

import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

from flakeproof_worker.import_hooks import replace, when_imported
from flakeproof_worker.sanitize.attribution import NOBODY, current
from flakeproof_worker.sanitize.leaks.ledger import Ledger
from flakeproof_worker.sanitize.leaks.leftover import Creation, Description, Leftover
from flakeproof_worker.sanitize.sighting import here


def install(ledger: Ledger) -> None:
    """Add every temporary file and folder that a trial makes to `ledger`."""

    def note(path: Any, noun: str, prefix: Any, suffix: Any) -> None:
        doer = current()
        if doer != NOBODY:
            path = os.fsdecode(path)
            ledger.add(_Temporary(os.path.abspath(path), noun, prefix, suffix, Creation(doer, here(3))))  # noqa: PTH100

    def making_folder(real: Callable[..., Any]) -> Callable[..., Any]:
        def mkdtemp(suffix: Any = None, prefix: Any = None, dir: Any = None) -> Any:  # noqa: A002 - its real name
            path = real(suffix, prefix, dir)
            note(path, "folder", prefix if prefix is not None else "tmp", suffix or "")
            return path

        return mkdtemp

    def making_file(real: Callable[..., Any]) -> Callable[..., Any]:
        def make(folder: Any, prefix: Any, suffix: Any, *arguments: Any, **named: Any) -> Any:
            made = real(folder, prefix, suffix, *arguments, **named)
            note(made[1], "file", prefix, suffix)
            return made

        return make

    def watch(module: ModuleType) -> None:
        replace(module, "mkdtemp", making_folder)
        replace(module, "_mkstemp_inner", making_file)  # used by mkstemp, NamedTemporaryFile and TemporaryFile

    when_imported("tempfile", watch)


class _Temporary(Leftover):
    __slots__ = ("creation", "lingered_ns", "noun", "path", "pattern", "seen")

    def __init__(self, path: str, noun: str, prefix: Any, suffix: Any, creation: Creation) -> None:
        self.path = path
        self.noun = noun
        self.pattern = f"{os.fsdecode(prefix)}*{os.fsdecode(suffix)}"
        self.creation = creation
        self.lingered_ns = 0
        self.seen: Description | None = None

    def is_gone(self) -> bool:
        try:
            os.lstat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False  # cannot be seen, but may exist
        return False

    def describe(self) -> Description | None:
        noun = f"temporary {self.noun}"
        return Description(noun, f"{noun} {self.pattern}", f"{noun} {self.path}", "left behind")
