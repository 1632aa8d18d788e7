"""A thing that a trial has made: what the ledger remembers of every kind of thing."""

from typing import NamedTuple

from flakeproof_worker.sanitize.attribution import Doer
from flakeproof_worker.sanitize.sighting import Sighting, SightingPart, Stack, at, places

SANITIZER = "leaks"
NOT_TIMED = -1
"""Value of `lingered_ns` when the end of the thing was not waited for."""


class Creation(NamedTuple):
    """Who made the thing, and where."""

    doer: Doer
    stack: Stack


class Description(NamedTuple):
    """What the thing is, described while it existed."""

    noun: str
    """"thread", "task", "child process" …"""
    what: str
    """The kind of thing, without numbers that vary."""
    name: str
    """The thing's own name, numbers included."""
    state: str
    """What is wrong with the thing: "left running"."""
    others: tuple[SightingPart, ...] = ()
    """Other parts of the finding, such as where the thing runs."""


class Leftover:
    """A thing that was made in a trial and may still exist.

    Each kind derives from this class, and most also from a weak reference: remembering a thing must not keep it alive.
    """

    creation: Creation
    lingered_ns: int
    """Upper bound of the time that it outlived the trial, if it has gone by itself; 0 if it still exists."""
    seen: Description | None

    def is_gone(self) -> bool:
        """Whether the thing has ended, or has been removed."""
        raise NotImplementedError

    def describe(self) -> Description | None:
        """What the thing is; None if it goes away meanwhile."""
        raise NotImplementedError

    def look(self) -> bool:
        """Return whether the thing exists; if so, keep its description for later."""
        if self.is_gone():
            return False
        self.seen = self.describe() or self.seen
        return self.seen is not None

    def sighting(self) -> Sighting:
        """The finding. `look` must have found the thing before."""
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
    """For how long the thing outlived its test, if that was measured."""
    if nanoseconds == NOT_TIMED:
        return ""
    if nanoseconds < 1_000_000:
        return f" by up to {max(nanoseconds / 1e6, 0.01):.2f} ms"
    return f" by up to {nanoseconds / 1e6:.0f} ms"
