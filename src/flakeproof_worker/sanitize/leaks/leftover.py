"""A thing that a trial has made, as every kind of thing is remembered."""

from typing import NamedTuple

from flakeproof_worker.sanitize.attribution import Doer
from flakeproof_worker.sanitize.sighting import Sighting, SightingPart, Stack, at, places

SANITIZER = "leaks"
NOT_TIMED = -1
"""Stands for the time that something has lingered when nobody has waited for its end."""


class Creation(NamedTuple):
    """Who made it, and where."""

    doer: Doer
    stack: Stack


class Description(NamedTuple):
    """What it is, taken while it was there."""

    noun: str
    """"thread", "task", "child process" …"""
    what: str
    """Without numbers that vary."""
    name: str
    """As it calls itself, numbers included."""
    state: str
    """What is wrong with it: "left running"."""
    others: tuple[SightingPart, ...] = ()
    """What else had a part in it."""


class Leftover:
    """A thing that was made in a trial and may still be there.

    Kinds derive from it, and most of them from a weak reference, too: remembering a thing must not keep it.
    """

    creation: Creation
    lingered_ns: int
    """How long it was there after the trial, at most, if it then went by itself; 0 if it has not yet."""
    seen: Description | None

    def is_gone(self) -> bool:
        """Whether it has ended, or has been removed."""
        raise NotImplementedError

    def describe(self) -> Description | None:
        """What it is, None if it goes away meanwhile."""
        raise NotImplementedError

    def look(self) -> bool:
        """Take down what it is, for when it is no longer there; tell whether it is there."""
        if self.is_gone():
            return False
        self.seen = self.describe() or self.seen
        return self.seen is not None

    def sighting(self) -> Sighting:
        """What there is to say of it. Only after `look` has found it."""
        if not self.lingered_ns:
            self.look()
        seen = self.seen
        assert seen is not None
        (trial, item), stack = self.creation
        created = places(stack)
        origin = f"made {at(created, self.creation.doer)}"
        if self.lingered_ns:
            kind = f"{seen.noun} outlived its test"
            text = f"{seen.name}, {origin}, outlived its test{_by(self.lingered_ns)}"
        else:
            kind = f"{seen.noun} {seen.state}"
            text = f"{seen.name}, {origin}, was {seen.state}"
        return Sighting(SANITIZER, kind, seen.what, text, (SightingPart("created", created, trial, item), *seen.others))


def _by(nanoseconds: int) -> str:
    """How long that was, if somebody has waited for it."""
    if nanoseconds == NOT_TIMED:
        return ""
    if nanoseconds < 1_000_000:
        return f" by up to {max(nanoseconds / 1e6, 0.01):.2f} ms"
    return f" by up to {nanoseconds / 1e6:.0f} ms"
