"""What sanitizers have seen with their own eyes; that it has to do with the failures is another matter."""

from collections.abc import Sequence

import msgspec

from flakeproof.features.diagnose.evidence import AWAITED, COMPANY, GIVEN, SHARED, SHUFFLED, Evidence, awaitable
from flakeproof.features.diagnose.records import Cause, CauseId, Place, Status
from flakeproof.features.diagnose.report_numbers import compared
from flakeproof.features.diagnose.rules.common import Next, refuted, unknown
from flakeproof.results.sanitizer_findings import SightingSummary, is_misuse
from flakeproof.text import number, probability

_WORK = ("thread", "task")
"""What goes on to do something; the first word of its kind."""
_WITH_OTHERS = (SHARED, SHUFFLED, COMPANY, GIVEN)
"""Experiments in which something that is left behind meets somebody."""
_SHOWN = 3
_ENOUGH = 5
"""Failures from which on something that is in all of them is no accident."""


def descriptors(evidence: Evidence, following: Next) -> Cause:
    """A cause of failures that descriptors in wrong hands give, or that come with it."""
    seen = [one for one in evidence.sightings if one.sanitizer == "descriptors" and is_misuse(one)]
    flake = evidence.flake
    fits = flake is not None and (flake.is_of_descriptors or any(one.goes_with_failures for one in seen))
    return _standing(
        evidence, CauseId.DESCRIPTOR_MISUSE, seen, "a descriptor is mishandled", "descriptors", following, fits=fits
    )


def leaked_work(evidence: Evidence, following: Next) -> Cause:
    """Threads and tasks that go on behind the back of the next test."""
    seen = [one for one in _leaks(evidence) if one.kind.startswith(_WORK)]
    if (awaited := _awaited(evidence, CauseId.LEAKED_WORK, seen, following)) is not None:
        return awaited
    fits = _leak_fits(evidence, seen)
    found = _standing(
        evidence, CauseId.LEAKED_WORK, seen, "work goes on after its test has ended", "leaks", following, fits=fits
    )
    polluters = evidence.polluters
    if not fits or polluters is None or not (polluters.confirmed and polluters.leaves_work):
        return found
    said = [*found.evidence, polluters.text, *polluters.carriers]
    return msgspec.structs.replace(found, status=Status.PROVEN, evidence=said)


def leaked_resource(evidence: Evidence, following: Next) -> Cause:
    """Children, files and sockets that are left to the next test."""
    seen = [one for one in _leaks(evidence) if not one.kind.startswith(_WORK)]
    if (awaited := _awaited(evidence, CauseId.LEAKED_RESOURCE, seen, following)) is not None:
        return awaited
    fits = _leak_fits(evidence, seen)
    return _standing(
        evidence, CauseId.LEAKED_RESOURCE, seen, "something is left behind by a test", "leaks", following, fits=fits
    )


def _awaited(evidence: Evidence, cause: CauseId, seen: Sequence[SightingSummary], following: Next) -> Cause | None:
    """Where it fails less often when what is left behind has ended before the line behind its start runs."""
    waited = [one for one in awaitable(evidence.sightings) if one in seen]
    if not waited or not evidence.is_undone(AWAITED):
        return None
    first = waited[0]
    assert first.place is not None
    what = "thread" if cause is CauseId.LEAKED_WORK else "child process"
    return Cause(
        cause=cause,
        status=Status.PROVEN,
        statement=f"A {what} that nobody waits for decides: it fails less often when that has ended first",
        place=Place(file=first.place.file, line=first.place.line, function=first.place.function),
        evidence=[compared(evidence, AWAITED, "falls"), *map(_told, waited[:_SHOWN])],
        next=following.run_all("--sanitize leaks"),
    )


def left_in_every_failure(evidence: Evidence) -> str:
    """A child, file or socket that was left behind whenever it failed, in words; "" for none."""
    for one in _leaks(evidence):
        if not one.kind.startswith(_WORK) and one.in_failures == one.failures >= _ENOUGH:
            return _told(one)
    return ""


def _leaks(evidence: Evidence) -> list[SightingSummary]:
    return [one for one in evidence.sightings if one.sanitizer == "leaks"]


def _leak_fits(evidence: Evidence, seen: Sequence[SightingSummary]) -> bool:
    """Whether failures come where something can be left behind and not elsewhere.

    That it is left behind more often in failures tells nothing: a test that fails may not get to its cleaning up. A
    failure or two that were watched tell nothing, and neither does what copies in other processes do, or where
    something else is known to be left behind.
    """
    if not any(one.failures >= _ENOUGH for one in seen):
        return False
    polluters = evidence.polluters
    if polluters is not None and polluters.is_explained:
        return polluters.leaves_work and all(one.kind.startswith(_WORK) for one in seen)
    met = [name for name in _WITH_OTHERS if name != GIVEN or evidence.shares]
    return any(evidence.is_significant(name, "rises") for name in met)


def _standing(
    evidence: Evidence,
    cause: CauseId,
    seen: Sequence[SightingSummary],
    what: str,
    sanitizer: str,
    following: Next,
    *,
    fits: bool,
) -> Cause:
    if not seen:
        if evidence.sanitized and evidence.flake is not None and evidence.failed_watched:
            said = [f"the sanitizer has watched {number(evidence.failed_watched)} failures, and seen nothing of it"]
            return refuted(cause, f"not seen that {what}", said)
        return unknown(cause, f"not seen that {what}" if evidence.sanitized else "not looked for", [], following)
    ranked = sorted(seen, key=lambda one: not one.goes_with_failures)
    first = ranked[0]
    said = [_told(one) for one in ranked[:_SHOWN]]
    if fits and not first.goes_with_failures:
        said += [compared(evidence, name) for name in _WITH_OTHERS if evidence.is_significant(name, "rises")]
    place = first.place
    return Cause(
        cause=cause,
        status=Status.SUPPORTED if fits else Status.UNKNOWN,
        statement=f"{what[0].upper()}{what[1:]}" + ("" if fits else "; that this has to do with failures is not shown"),
        place=Place(file=place.file, line=place.line, function=place.function) if place is not None else None,
        evidence=said,
        next=following.run_all(f"--sanitize {sanitizer}"),
    )


def _told(one: SightingSummary) -> str:
    text = one.examples[0].text if one.examples else f"{one.kind} ({one.what})"
    counts = f"seen in {one.in_failures} of {one.failures} failures and {one.in_passes} of {one.passes} passes"
    chance = f"; {probability(one.p)}" if one.p is not None and one.goes_with_failures else ""
    return f"{text} ({counts}{chance})"
