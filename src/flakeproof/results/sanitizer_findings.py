"""What the sanitizers have seen in a run, held against its failures: a pure function of what was counted."""

from flakeproof.model import Record, Sight, SourceLocation
from flakeproof.results.history import History
from flakeproof.stats.tables import fisher_greater, holm

LEVEL = 0.01
"""So often something that has nothing to do with the failures is said to go with them, of all that was seen."""
_MISHANDLED = (
    "closed a descriptor that belongs to somebody else",
    "used a descriptor that belongs to somebody else",
    "closed twice",
    "two owners",
    "closed behind the back of its owner",
    "used after it was closed",
    "closed unseen",
)
"""Worst first; what is left behind comes after them, then what is only untidy."""
_UNTIDY = ("left to its finaliser",)
_LINGERED = "outlived its test"


class SightingSummary(Record, frozen=True, kw_only=True):
    """Something that was seen at one line of code, and whether it goes with the failures."""

    sanitizer: str
    kind: str
    what: str
    """What it happened to."""
    place: SourceLocation | None
    """The guilty line; None where it is not known."""
    times: int
    in_failures: int
    """Failed trials in which it was seen …"""
    failures: int
    """… of so many."""
    in_passes: int
    passes: int
    p: float | None
    """Probability that it is so much more frequent among failures by chance (Fisher, one-sided, with Holm's correction
    for all that was seen); None without failures or without passes."""
    goes_with_failures: bool
    """Whether `p` is below the level."""
    examples: list[Sight]


def of_run(history: History) -> list[SightingSummary]:
    """What was seen, the worst first."""
    failures, passes = history.failed, history.passed
    seen = list(history.seen.values())
    adjusted: list[float | None] = [None] * len(seen)
    if failures and passes:
        adjusted = list(holm([_p(one.failed, failures, one.passed, passes) for one in seen]))
    found = [
        SightingSummary(
            sanitizer=one.sanitizer,
            kind=one.kind,
            what=one.what,
            place=next((part.place for sight in one.examples for part in sight.parts[:1]), None),
            times=one.times,
            in_failures=min(one.failed, failures),
            failures=failures,
            in_passes=min(one.passed, passes),
            passes=passes,
            p=p,
            goes_with_failures=p is not None and p < LEVEL,
            examples=one.examples,
        )
        for one, p in zip(seen, adjusted, strict=True)
    ]
    return sorted(found, key=lambda one: (not one.goes_with_failures, _rank(one.kind), -one.in_failures, -one.times))


def is_misuse(sighting: SightingSummary) -> bool:
    """Whether it is a mistake whenever it happens, rather than something that was left behind."""
    return sighting.kind in _MISHANDLED


def _p(failed: int, failures: int, passed: int, passes: int) -> float:
    """A trial that ended with its process, or runs again because of that, may have been counted besides."""
    failed, passed = min(failed, failures), min(passed, passes)
    return fisher_greater(((failed, failures - failed), (passed, passes - passed)))


def _rank(kind: str) -> int:
    if kind in _MISHANDLED:
        return _MISHANDLED.index(kind)
    return len(_MISHANDLED) + (2 if kind in _UNTIDY else _LINGERED in kind)
