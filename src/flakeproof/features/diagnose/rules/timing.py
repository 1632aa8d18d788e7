"""What comes first, and when: threads, tasks, the time of day."""

import msgspec

from flakeproof.features.diagnose import observed_calls
from flakeproof.features.diagnose.differences.explain import Explanation
from flakeproof.features.diagnose.evidence import ALONE, BUSY, CLOCK, MEASURED, MEASURED_MORE, RACE, STANDING, Evidence
from flakeproof.features.diagnose.records import Cause, CauseId, Place, Status
from flakeproof.features.diagnose.report_numbers import arm, compared
from flakeproof.features.diagnose.rules.common import Next, at_line, by_absence, has_limit, refuted, unknown, used


def thread_race(evidence: Evidence, following: Next) -> Cause:
    line = evidence.line
    if line is not None and not line.in_coroutine and evidence.witnessed.several_threads:
        return _raced(CauseId.THREAD_RACE, "Threads come in an order that is not fixed", evidence, following)
    if (found := _interleaved(evidence)) is not None and not _only_loops(evidence):
        return _by_record(CauseId.THREAD_RACE, "Threads come in an order that is not fixed", found, following)
    if evidence.witnessed.looked and not evidence.witnessed.several_threads:
        said = ["a trial that was watched has run all of its code in one thread"]
        return refuted(CauseId.THREAD_RACE, "It has but one thread", said)
    by_race = line is None and evidence.is_significant(RACE, "rises") and not has_limit(evidence)
    if by_race and evidence.witnessed.several_threads and not _only_loops(evidence):
        return _raced(CauseId.THREAD_RACE, "Threads come in an order that is not fixed", evidence, following)
    return _timing(evidence, CauseId.THREAD_RACE, following)


def async_race(evidence: Evidence, following: Next) -> Cause:
    seen = evidence.witnessed
    by_race = evidence.line is None and evidence.is_significant(RACE, "rises") and not has_limit(evidence)
    by_line = evidence.line is not None and evidence.line.in_coroutine
    if by_line or (by_race and seen.coroutines and not seen.own_threads):
        return _raced(CauseId.ASYNC_RACE, "Tasks come in an order that is not fixed", evidence, following)
    if (found := _interleaved(evidence)) is not None and seen.coroutines and not seen.own_threads:
        return _by_record(CauseId.ASYNC_RACE, "Tasks come in an order that is not fixed", found, following)
    if evidence.witnessed.looked and not evidence.witnessed.coroutines:
        said = ["a trial that was watched has run no coroutine"]
        return refuted(CauseId.ASYNC_RACE, "It has no tasks", said)
    return _timing(evidence, CauseId.ASYNC_RACE, following)


def _interleaved(evidence: Evidence) -> Explanation | None:
    """Where another thread or task came between in failures and not in passes; not where a limit of time was met."""
    if has_limit(evidence) or not (evidence.witnessed.several_threads or evidence.witnessed.coroutines):
        return None
    return next((one for one in evidence.differences if one.interleaving and not one.is_symptom), None)


def _by_record(cause: CauseId, statement: str, found: Explanation, following: Next) -> Cause:
    return Cause(
        cause=cause,
        status=Status.SUPPORTED,
        statement=statement,
        place=Place(file=found.file, line=found.line, function=found.function),
        evidence=list(dict.fromkeys((found.text, found.interleaving))),
        next=following.run("--race"),
    )


def _raced(cause: CauseId, statement: str, evidence: Evidence, following: Next) -> Cause:
    line = evidence.line
    said = [arm(evidence, ALONE)]
    if evidence.is_significant(RACE, "rises"):
        said.append(compared(evidence, RACE))
    if line is not None:
        said.append(line.text)
    if (found := _interleaved(evidence)) is not None:
        said += dict.fromkeys((found.text, found.interleaving))
    place = line.place if line is not None else evidence.flake.place if evidence.flake is not None else None
    command = following.run(line.option if line is not None else "--race")
    status = Status.SUPPORTED if line is None else Status.PROVEN
    return Cause(cause=cause, status=status, statement=statement, place=place, evidence=said, next=command)


def _timing(evidence: Evidence, cause: CauseId, following: Next) -> Cause:
    said = [compared(evidence, name) for name in (RACE, BUSY) if evidence.is_significant(name, "rises")]
    if said:
        return unknown(cause, "Its timing matters; no line was found at which a pause decides", said, following)
    return by_absence(evidence, cause, (RACE,), "Other orders do it no harm", following)


def clock(evidence: Evidence, following: Next) -> Cause:
    place = evidence.witnessed.places.get(observed_calls.CLOCK)
    line = evidence.line
    watched = evidence.witnessed
    if line is not None and place is not None and not watched.several_threads and not watched.coroutines:
        said = [arm(evidence, ALONE), line.text, *used("reads the time", place)]
        return Cause(
            cause=CauseId.CLOCK,
            status=Status.PROVEN,
            statement="The outcome depends on elapsed time, which the code reads from the clock",
            place=place,
            evidence=said,
            next=following.run(line.option),
        )
    if evidence.is_significant(CLOCK, "rises"):
        where = place or (evidence.flake.place if evidence.flake is not None else None)
        return Cause(
            cause=CauseId.CLOCK,
            status=Status.PROVEN,
            statement="The time of day decides",
            place=where,
            evidence=[arm(evidence, ALONE), compared(evidence, CLOCK), *used("reads the time", place)],
            next=following.run("--clock boundaries"),
        )
    for name, how in ((MEASURED, "less"), (MEASURED_MORE, "more")):
        if evidence.is_undone(name):
            return _measured(evidence, name, how, following)
    measures = evidence.witnessed.timed or evidence.witnessed.reads_twice
    if measures and all(evidence.is_significant(name, "rises") for name in (MEASURED, MEASURED_MORE)):
        return _between_limits(evidence, following)
    for way, what in (("falls", "does not fail"), ("rises", "fails")):
        if evidence.is_significant(STANDING, way):
            return Cause(
                cause=CauseId.CLOCK,
                status=Status.PROVEN,
                statement=f"The time that passes between two readings of the clock decides: it {what} when none does",
                place=place or (evidence.flake.place if evidence.flake is not None else None),
                evidence=[arm(evidence, ALONE), compared(evidence, STANDING, way), *used("reads the time", place)],
                next=following.run("--clock x0.001"),
            )
    slow = next((one for one in evidence.differences if one.takes_longer and not one.is_symptom), None)
    if slow is not None and measures and evidence.flake is not None:
        return Cause(
            cause=CauseId.CLOCK,
            status=Status.SUPPORTED,
            statement="It measures how long something takes, and fails when that takes longer",
            place=evidence.flake.place,
            evidence=[slow.text, *used("measures time", watched.places.get(observed_calls.STOPWATCH) or place)],
            next=following.run("-w 1 --noise cpu=8"),
        )
    if evidence.witnessed.looked and place is None:
        said = ["a trial that was watched has not read the time of day"]
        return refuted(CauseId.CLOCK, "It does not know the time of day", said)
    cause = by_absence(evidence, CauseId.CLOCK, (CLOCK,), "Other times of day do it no harm", following)
    if place is None:
        return cause
    said = [*cause.evidence, f"{at_line(place)} reads the time of day"]
    return msgspec.structs.replace(cause, evidence=said)


def _only_loops(evidence: Evidence) -> bool:
    """Whether all of its threads are those of an event loop: then tasks are what there is to race."""
    return bool(evidence.witnessed.coroutines) and not evidence.witnessed.own_threads


def _measured(evidence: Evidence, name: str, how: str, following: Next) -> Cause:
    """Where clocks that go slower, or faster, have undone it, and nothing else was changed."""
    kinds = (observed_calls.STOPWATCH, observed_calls.CLOCK)
    place = next((seen for kind in kinds if (seen := evidence.witnessed.places.get(kind)) is not None), None)
    failing = evidence.flake.place if evidence.flake is not None else None
    said = [f"{at_line(failing)} in {failing.function} fails"] if failing is not None else []
    return Cause(
        cause=CauseId.CLOCK,
        status=Status.PROVEN,
        statement=f"The time that it measures decides: it fails less often when {how} of it passes",
        place=place or failing,
        evidence=[compared(evidence, name, "falls"), *used("measures time", place), *said],
        next=following.run("-w 1 --noise cpu=8"),
    )


def _between_limits(evidence: Evidence, following: Next) -> Cause:
    """Where it fails when less time is measured, and when more is; that this is why it fails by itself is likely."""
    return Cause(
        cause=CauseId.CLOCK,
        status=Status.SUPPORTED,
        statement="The time that it measures has to lie between two limits: it fails when more of it passes, or less",
        place=evidence.flake.place if evidence.flake is not None else None,
        evidence=[compared(evidence, name) for name in (MEASURED, MEASURED_MORE)],
        next=following.run("-w 1 --noise cpu=8"),
    )
