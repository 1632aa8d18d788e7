"""The failure that is looked into, and whether another one is the same."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flakeproof.failures.signature import own_frames
from flakeproof.features.diagnose.records import Place
from flakeproof.model import Failure, Outcome

_OF_DESCRIPTORS = frozenset({"EBADF", "ENOTCONN", "ENOTSOCK", "EPIPE", "ECONNRESET", "ESPIPE", "ENOTDIR", "EISCONN"})
_OF_PLACES = frozenset({"EADDRINUSE", "EEXIST", "ENOENT", "ENOTEMPTY", "EAGAIN", "EACCES", "EBUSY", "ETXTBSY"})
_PATH = re.compile(r"\[Errno \d+\][^']*: '([^']+)'")
_TIMEOUTS = ("TimeoutError", "timeout", "TimeoutExpired", "Timeout", "Empty", "Full")


@dataclass(frozen=True)
class Flake:
    """Known by one of its failures."""

    example: Failure
    also: frozenset[str] = frozenset()
    """Further signatures that became more frequent together with it, when one thing was changed."""

    def is_same(self, failure: Failure) -> bool:
        """Whether `failure` is this one again: the same signature, or the same exception at the same line.

        Messages that hold what differed (the order of a set, two dates) make other signatures of one flake.
        """
        if failure.item != self.example.item:
            return False
        if failure.signature == self.example.signature or failure.signature in self.also:
            return True
        mine, other = _identity(self.example), _identity(failure)
        return mine is not None and mine == other

    @cached_property
    def exception(self) -> dict[str, Any]:
        """Its description; empty where none was raised."""
        found = self.example.details.get("exception")
        return found if isinstance(found, dict) else {}

    @property
    def place(self) -> Place | None:
        """The innermost line of the user's code."""
        return place_of(self.example)

    @property
    def outermost(self) -> Place | None:
        """The line of the test itself that leads there."""
        frames = own_frames(self.exception.get("frames", []))
        return Place(file=frames[0][0], line=frames[0][1], function=frames[0][2]) if frames else None

    @property
    def errno(self) -> str:
        """Name of the error number, of the exception or of one that led to it; "" for none."""
        current: Any = self.exception
        while current:
            if current.get("errno"):
                return str(current["errno"])
            current = current.get("cause")
        return ""

    @property
    def is_of_descriptors(self) -> bool:
        """Whether it is an error that a descriptor in wrong hands gives."""
        return self.errno in _OF_DESCRIPTORS or "bad file descriptor" in self.example.message.lower()

    @property
    def is_of_places(self) -> bool:
        """Whether it is an error that a file or port in other hands gives."""
        return self.errno in _OF_PLACES or "database is locked" in self.example.message

    @property
    def path(self) -> str:
        """The file that the error is about, as the message has it; "" for none."""
        found = _PATH.search(self.example.message)
        return found[1] if found is not None else ""

    @property
    def is_timeout(self) -> bool:
        """Whether a time limit was exceeded: the trial's, or one in the code."""
        kind = str(self.exception.get("type", "")).rpartition(".")[2]
        words = ("timed out", "time limit", "deadline", "too slow", "timeout")
        said = any(word in self.example.message.lower() for word in words)
        return self.example.outcome is Outcome.TIMED_OUT or kind in _TIMEOUTS or said

    @property
    def functions(self) -> list[tuple[str, str]]:
        """File and name of the user's functions in its traceback, innermost first."""
        return [(file, function) for file, _, function in reversed(own_frames(self.exception.get("frames", [])))]


def place_of(failure: Failure) -> Place | None:
    """The innermost line of the user's code in its traceback; None without one."""
    frames = failure.details.get("exception", {}).get("frames", [])
    if not frames:
        return None
    file, line, function = own_frames(frames)[-1]
    return Place(file=file, line=line, function=function)


def _identity(failure: Failure) -> tuple[object, ...] | None:
    exception = failure.details.get("exception", {})
    place = place_of(failure)
    return None if place is None else (exception["type"], exception.get("errno"), place.file, place.line)
