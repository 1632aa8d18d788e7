"""What runs beside it: copies, which compete for what lies outside of the process, and what keeps a machine busy."""

from flakeproof.features.diagnose import observed_calls
from flakeproof.features.diagnose.evidence import ALONE, BUSY, PARALLEL, PATIENT, Evidence
from flakeproof.features.diagnose.records import Cause, CauseId, Place, Status
from flakeproof.features.diagnose.report_numbers import arm, compared
from flakeproof.features.diagnose.rules import sanitizer_findings
from flakeproof.features.diagnose.rules.common import (
    Next,
    by_absence,
    has_limit,
    odds,
    refuted,
    supported,
    unknown,
    used,
)

_NEARLY_ALWAYS = 0.8


def contention(evidence: Evidence, following: Next) -> Cause:
    if evidence.is_significant(PARALLEL, "rises"):
        return _with_copies(evidence, following)
    if evidence.arm(ALONE).failed and evidence.arm(PARALLEL).trials:
        said = [arm(evidence, ALONE), compared(evidence, PARALLEL)]
        if _no_worse(evidence, PARALLEL):
            return refuted(CauseId.CONTENTION, "It fails by itself, and copies beside it make it no worse", said)
        return unknown(
            CauseId.CONTENTION, f"Copies beside it did not raise the rate clearly{_ceiling(evidence)}", said, following
        )
    return by_absence(evidence, CauseId.CONTENTION, (PARALLEL,), "Copies beside it do it no harm", following)


def _with_copies(evidence: Evidence, following: Next) -> Cause:
    """Where copies beside it make it fail: what they compete for, else that they do; a busy machine may explain it."""
    said = [arm(evidence, ALONE), compared(evidence, PARALLEL)]
    busy = evidence.arm(BUSY).trials
    if busy:
        said.append(compared(evidence, BUSY))
    tells = evidence.flake is not None and evidence.flake.is_of_places
    exceeds = evidence.is_significant(PARALLEL, "exceeds")
    command = following.run("--isolation fork -w 8")
    if not (exceeds or tells):
        if evidence.is_significant(BUSY, "rises"):
            statement = "Copies beside it raise the rate, and so does a busy machine without any"
            return unknown(CauseId.CONTENTION, statement, said, following)
        statement = "Copies beside it make it fail more often" + ("" if busy else "; a busy machine was not tried")
        return supported(CauseId.CONTENTION, statement, said, command)
    if not tells and observed_calls.OUTSIDE not in evidence.witnessed.places:
        # A race may show several times as often beside other processes, which change who runs when.
        seen = "was seen" if evidence.witnessed.looked else "is known"
        statement = f"Copies beside it make it fail; no file or port {seen} that they could compete for"
        return supported(CauseId.CONTENTION, statement, said, command)
    place, what = _disputed(evidence)
    return Cause(
        cause=CauseId.CONTENTION,
        status=Status.PROVEN,
        statement=f"Runs beside each other compete for something outside of the process{what}",
        place=place,
        evidence=said,
        next=command,
    )


def load(evidence: Evidence, following: Next) -> Cause:
    flake = evidence.flake
    limit = evidence.witnessed.places.get(observed_calls.LIMIT)
    if evidence.is_undone(PATIENT):
        said = [compared(evidence, PATIENT, "falls"), *used("waits with a time limit", limit)]
        if evidence.outlasts_limits:
            statement = "Longer time limits lower the rate, and it fails with them as well: that it waits is not all"
            return unknown(CauseId.LOAD, statement, said, following)
        return Cause(
            cause=CauseId.LOAD,
            status=Status.PROVEN,
            statement="A time limit is too short: it fails less often when waits may take longer",
            place=limit or (flake.place if flake is not None else None),
            evidence=said,
            next=following.run("-w 1 --noise cpu=8"),
        )
    if evidence.is_significant(BUSY, "rises"):
        said = [arm(evidence, ALONE), compared(evidence, BUSY)]
        command = following.run("-w 1 --noise cpu=8")
        if not has_limit(evidence):
            statement = "A busy machine makes it fail more often: its timing matters; no time limit was seen"
            return supported(CauseId.LOAD, statement, said, command)
        if left := sanitizer_findings.left_in_every_failure(evidence):
            statement = "A busy machine makes it fail more often; it may wait for what is left behind in every failure"
            return supported(CauseId.LOAD, statement, [*said, left], command)
        return Cause(
            cause=CauseId.LOAD,
            status=Status.PROVEN,
            statement="A time limit is too short for a busy machine",
            place=flake.place if flake is not None else None,
            evidence=said,
            next=command,
        )
    if evidence.arm(ALONE).failed and evidence.arm(BUSY).trials:
        said = [arm(evidence, ALONE), compared(evidence, BUSY)]
        if _no_worse(evidence, BUSY):
            return refuted(CauseId.LOAD, "A busy machine makes it no worse", said)
        return unknown(
            CauseId.LOAD, f"A busy machine did not raise the rate clearly{_ceiling(evidence)}", said, following
        )
    return by_absence(evidence, CauseId.LOAD, (BUSY,), "A busy machine does it no harm", following)


def _no_worse(evidence: Evidence, name: str) -> bool:
    """Whether the odds of failing would have shown that they are doubled; of what always fails nothing can be told."""
    counts = evidence.arm(name)
    control = evidence.arm(counts.against).rate
    return counts.trials > 0 and odds(counts.interval.high) < 2 * odds(control) and control < 1


def _ceiling(evidence: Evidence) -> str:
    """What is to be said of a test that fails so often that nothing can make it worse."""
    return ": it fails nearly always as it is" if evidence.arm(ALONE).rate > _NEARLY_ALWAYS else ""


def _disputed(evidence: Evidence) -> tuple[Place | None, str]:
    """The line that reaches for what several want, and that thing."""
    flake = evidence.flake
    assert flake is not None
    outside = evidence.witnessed.places.get(observed_calls.OUTSIDE)
    use = evidence.witnessed.uses.get(observed_calls.OUTSIDE, "")
    named = flake.path if flake.is_of_places else ""
    what = f": {named or use}" if named or use else f" ({flake.errno})" if flake.errno else ""
    return (flake.place if flake.is_of_places or outside is None else outside), what
