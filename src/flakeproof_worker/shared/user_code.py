"""Which code is the user's own, and which code a pattern selects: functions by a glob, or one line by its number."""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from types import CodeType
from typing import Any

from flakeproof_worker.shared.private import os

_INSTALLED = re.compile(r"/(?:site|dist)-packages/|/lib/python\d+\.\d+/")
_WORKER = os.path.dirname(os.path.dirname(os.path.realpath(__file__))) + "/"
_NOT_THEIRS = re.compile(rf"{_INSTALLED.pattern}|^<frozen |/flakeproof_worker/")


def is_installed(file: str) -> bool:
    """Whether `file` is in the standard library of an interpreter, or in a package that is installed there."""
    return _INSTALLED.search(file) is not None


def is_library(file: str) -> bool:
    """Whether the code in `file` is not the user's: installed, part of the interpreter, or flakeproof's."""
    return _NOT_THEIRS.search(file) is not None


def is_users(file: str) -> bool:
    """Whether the code in `file` is the user's, and has a file: what was made of a string (`<string>`) has no lines."""
    return not (file.startswith("<") or is_library(file))


def attribute_of(module: object, name: str) -> Any:
    """An attribute of an entry of `sys.modules`; None if it is missing, or raises, as stand-ins for modules may."""
    try:
        return getattr(module, name, None)
    except Exception:
        return None


class OwnCode:
    """The code below some folders."""

    def __init__(self, folders: Iterable[str]) -> None:
        """`folders` are absolute paths."""
        given = [folder.rstrip("/") + "/" for folder in folders]
        self._roots = tuple(dict.fromkeys([*given, *(os.path.realpath(folder).rstrip("/") + "/" for folder in given)]))

    def relative(self, filename: str) -> str | None:
        """The path of `filename` below its folder; None if it is not the project's own."""
        for root in self._roots:
            if filename.startswith(root):
                rest = filename[len(root) :]
                if _INSTALLED.search("/" + rest) or filename.startswith(_WORKER):
                    return None
                return rest
        return None


def folders_of(target: Mapping[str, object]) -> list[str]:
    """The folders of a target's own code; `target` is the coordinator's description."""
    packages = target.get("packages")
    return [str(target["folder"]), *(map(str, packages.values()) if isinstance(packages, dict) else ())]


_FUNCTION = 0x1  # inspect.CO_OPTIMIZED


def is_function(code: CodeType) -> bool:
    """Whether `code` is a function's; other code runs when modules are imported, not in trials."""
    return bool(code.co_flags & _FUNCTION)


def fits_file(glob: str, filename: str, own: OwnCode) -> bool:
    """Whether `glob` matches the file: its name, the end of its path, or, if `glob` is absolute, the whole path.

    Only an absolute glob matches files that are not the project's own.
    """
    if glob.startswith("/"):
        return glob == filename or fnmatchcase(filename, glob)
    relative = own.relative(filename)
    return relative is not None and (fnmatchcase(relative, glob) or fnmatchcase(relative, f"*/{glob}"))


def fits_function(glob: str, code: CodeType) -> bool:
    """Whether `glob` matches the function's name, with or without the classes and functions around it."""
    return is_function(code) and any(fnmatchcase(name, glob) for name in (code.co_name, *names_of(code)))


def names_of(code: CodeType) -> tuple[str, str]:
    """The qualified name, with and without the `<locals>` that Python inserts."""
    return code.co_qualname, code.co_qualname.replace("<locals>.", "")


def line_of(where: str) -> int | None:
    """The line number that `where` is; None if it is a glob for functions."""
    return int(where) if where.isdecimal() else None


def lines_of(code: CodeType) -> set[int]:
    """The lines of a function's body, without the line of its definition; empty for other code."""
    if not is_function(code):
        return set()
    found = {line for _, _, line in code.co_lines() if line is not None}
    return found - {code.co_firstlineno} or found


DELAY_MARK = "delay-took-place-"
"""Prefix of the file that records that a delay has paused something; the number of the delay follows."""
