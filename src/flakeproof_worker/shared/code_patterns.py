"""Which code a pattern means: a file by a glob, and in it functions by a glob or one line by its number."""

from fnmatch import fnmatchcase
from types import CodeType

from flakeproof_worker.shared.own_code import OwnCode

_FUNCTION = 0x1  # inspect.CO_OPTIMIZED


def is_function(code: CodeType) -> bool:
    """Whether it is a function's; the rest runs when modules are imported, which is not a matter of trials."""
    return bool(code.co_flags & _FUNCTION)


def fits_file(glob: str, filename: str, own: OwnCode) -> bool:
    """Whether `glob` means the file: by its name, by the end of its path, or by all of it, if it is absolute.

    Only an absolute one means files that are not the project's own.
    """
    if glob.startswith("/"):
        return glob == filename or fnmatchcase(filename, glob)
    relative = own.relative(filename)
    return relative is not None and (fnmatchcase(relative, glob) or fnmatchcase(relative, f"*/{glob}"))


def fits_function(glob: str, code: CodeType) -> bool:
    """Whether `glob` means this function: by its name, or by its name with classes and functions around it."""
    return is_function(code) and any(fnmatchcase(name, glob) for name in (code.co_name, *names_of(code)))


def names_of(code: CodeType) -> tuple[str, str]:
    """The qualified name with and without the `<locals>` that Python puts in."""
    return code.co_qualname, code.co_qualname.replace("<locals>.", "")


def line_of(where: str) -> int | None:
    """The line that `where` names; None where it is a glob for functions."""
    return int(where) if where.isdecimal() else None


def lines_of(code: CodeType) -> set[int]:
    """The lines on which a function does something, without that on which it is defined; none of other code."""
    if not is_function(code):
        return set()
    found = {line for _, _, line in code.co_lines() if line is not None}
    return found - {code.co_firstlineno} or found
