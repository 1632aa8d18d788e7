"""How findings name things, and which leftovers are allowed, by pattern."""

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from flakeproof_worker.sanitize.sighting import Sighting

_NUMBER = re.compile(r"\d+")


def without_numbers(name: str) -> str:
    """`name` with every number replaced by N, so that "worker-1" and "worker-12" are one finding."""
    return _NUMBER.sub("N", name)


def name_of(function: Any) -> str:
    """The qualified name of a function, method, partial or callable object."""
    for _ in range(10):
        if not isinstance(function, partial):
            break
        function = function.func
    name = getattr(function, "__qualname__", None)
    return name if isinstance(name, str) else type(function).__qualname__


def named(noun: str, code: str, name: str, *, automatic: bool) -> str:
    """`noun code`, with the thing's name unless that is `automatic`."""
    return f"{noun} {code}" if automatic else f"{noun} {code} named {without_numbers(name)}"


NOUNS = ("thread", "task", "process", "temporary file", "temporary folder", "socket", "file", "listener", "descriptor")
"""What can stand before the colon of a pattern."""

BUILT_IN = {
    "*/pytest_timeout.py": "the timer with which pytest-timeout watches a test",
    "thread:asyncio-waitpid-*": "asyncio's wait for a child, which ends with the child",
    "*/multiprocessing/resource_tracker.py": "a process of multiprocessing that lives as long as the program",
    "*/multiprocessing/forkserver.py": "the process that multiprocessing forks from, for as long as the program lives",
    "*/multiprocessing/resource_sharer.py": "a thread of multiprocessing that lives as long as the program",
    "*/tqdm/_monitor.py": "the one thread of tqdm that looks after all its bars",
    "*/pydevd*": "a debugger's own threads",
}
"""Each pattern, and why a leftover that matches it is no leak of the trial that happened to make it."""


class Allowed:
    """Leftovers that are not reported: those of the built-in patterns, and those of the user's."""

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        """Raises ValueError, which names the wrong pattern and what is wrong with it."""
        self._patterns = [_parsed(pattern) for pattern in (*BUILT_IN, *patterns)]

    def allows(self, sighting: Sighting) -> bool:
        """Whether one of the patterns matches."""
        return any(_matches(noun, pattern, sighting) for noun, pattern in self._patterns)


def _parsed(pattern: str) -> tuple[str, str]:
    """The noun before the colon ("" if there is none), and the pattern itself."""
    if not pattern.strip():
        raise ValueError(
            f"{pattern!r} is no pattern: it would match nothing; write thread:NAME, say, or */path/of/code.py"
        )
    noun, colon, rest = pattern.partition(":")
    if not colon or "/" in noun:
        noun, rest = "", pattern
    elif noun not in NOUNS:
        raise ValueError(f"{pattern!r}: there is no kind {noun!r}; before the colon stands one of {', '.join(NOUNS)}")
    elif not rest.strip():
        raise ValueError(f"{pattern!r}: nothing stands after the colon; {noun}:* matches every {noun}")
    if rest.count("[") > rest.count("]"):
        raise ValueError(f"{pattern!r}: a [ is not closed; [[] stands for the character itself")
    return noun, rest


def _matches(noun: str, pattern: str, sighting: Sighting) -> bool:
    if noun:
        if not sighting.what.startswith(f"{noun} "):
            return False
        candidates = _names(sighting.what[len(noun) + 1 :])
    else:
        candidates = _everything(sighting)
    # Names are stored without numbers, so a pattern with a number must match its name without one, too.
    patterns = {pattern, without_numbers(pattern)}
    return any(fnmatchcase(candidate, one) for candidate in candidates for one in patterns)


def _names(what: str) -> Iterator[str]:
    code, named, name = what.partition(" named ")
    yield what
    if named:
        yield code
        yield name


def _everything(sighting: Sighting) -> Iterator[str]:
    yield sighting.kind
    yield from _names(sighting.what)
    if sighting.parts:
        for place in sighting.parts[0].stack:
            yield place.file
            yield place.function
