"""What rules have in common: the commands that follow, and causes that are not supported."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flakeproof.features.diagnose.evidence import Evidence
from flakeproof.features.diagnose.records import Cause, CauseId, Place, Status
from flakeproof.features.diagnose.report_numbers import arm
from flakeproof.text import shown_path


@dataclass(frozen=True)
class Next:
    """Commands that take a cause further; made where it is known how this program is called, and for what."""

    run: Callable[[str], str]
    """The command that runs the target with these options."""
    run_all: Callable[[str], str]
    """The same with all tests that were named, where it went on with one of them."""
    words: Callable[[str], str]
    """A command of this program with these words."""
    longer: str
    """The one that diagnoses it again with more time."""
    replay: str = ""
    """The one that repeats one trial that failed; empty without one."""
    isolate: str = ""
    """The one that looks for a polluter; empty where there is no test of pytest."""
    hash_seed: str = ""
    """A hash seed under which it failed."""


def by_absence(evidence: Evidence, cause: CauseId, names: Sequence[str], statement: str, following: Next) -> Cause:
    """Refuted where an experiment would have shown the flake and did not; unknown where none was made or could."""
    made = [name for name in names if evidence.arm(name).trials]
    said = [arm(evidence, name) for name in made]
    if made and all(evidence.would_have_shown(name) for name in made):
        return refuted(cause, statement, said)
    return unknown(cause, "Not shown, and not ruled out", said, following)


def otherwise(cause: CauseId, status: Status, statement: str, said: list[str], following: Next) -> Cause:
    if status is Status.REFUTED:
        return refuted(cause, statement, said)
    return unknown(cause, "Not shown, and not ruled out", said, following)


def supported(cause: CauseId, statement: str, said: list[str], command: str) -> Cause:
    """What makes it fail more often is known; where in the code that takes effect is not."""
    return Cause(cause=cause, status=Status.SUPPORTED, statement=statement, evidence=said, next=command)


def refuted(cause: CauseId, statement: str, said: list[str]) -> Cause:
    return Cause(cause=cause, status=Status.REFUTED, statement=statement, evidence=said)


def unknown(cause: CauseId, statement: str, said: list[str], following: Next) -> Cause:
    return Cause(cause=cause, status=Status.UNKNOWN, statement=statement, evidence=said, next=following.longer)


def at_line(place: Place) -> str:
    return f"{shown_path(place.file)}:{place.line}"


def used(verb: str, place: Place | None) -> list[str]:
    return [] if place is None else [f"{at_line(place)} in {place.function} {verb}"]


def has_limit(evidence: Evidence) -> bool:
    """Whether the failure is about how long something takes."""
    if evidence.outlasts_limits:
        return False
    return evidence.flake is not None and (evidence.flake.is_timeout or evidence.witnessed.timed)


def odds(rate: float) -> float:
    """Failures for each pass; infinite where everything fails."""
    return rate / (1 - rate) if rate < 1 else math.inf
