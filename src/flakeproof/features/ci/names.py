"""Whether two artifacts mean one test: runners spell a name in their output and in their files in different ways."""

import re

from flakeproof.features.ci.case import dotted

_JEST_FILE = re.compile(r"(?:\./)?\S+\.[cm]?[jt]sx? › ")
_SEPARATORS = (".", "::", " > ", " ")


def key(runner: str, test: str) -> str:
    """What a name has in all of its spellings."""
    if runner == "pytest":
        return dotted(test)
    if runner == "jest":
        return _JEST_FILE.sub("", test, count=1).replace(" › ", " ")
    return test


def same(runner: str, one: str, other: str) -> bool:
    """Whether both are one test, one of them perhaps without the package, crate or file that it is in."""
    first, second = sorted((key(runner, one), key(runner, other)), key=len)
    return first == second or (bool(first) and any(second.endswith(mark + first) for mark in _SEPARATORS))
