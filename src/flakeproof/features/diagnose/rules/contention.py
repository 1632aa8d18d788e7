"""What runs beside it: copies, which compete for what lies outside of the process, and what keeps a machine busy."""

from flakeproof.features.diagnose import observed_calls
from flakeproof.features.diagnose.evidence import ALONE, BUSY, PARALLEL, Evidence
from flakeproof.features.diagnose.records import Cause, CauseId, Place, Status
from flakeproof.features.diagnose.report_numbers import arm, compared
from flakeproof.features.diagnose.rules import sanitizer_findings
from flakeproof.features.diagnose.rules.common import Next, by_absence, has_limit, refuted, unknown


def contention(evidence: Evidence, following: Next) -> Cause:
    if evidence.is_significant(PARALLEL, "rises"):
        said = [arm(evidence, ALONE), compared(evidence, PARALLEL)]
        tells = evidence.flake is not None and evidence.flake.is_of_places
        exceeds = evidence.is_significant(PARALLEL, "exceeds")
        if evidence.arm(BUSY).trials:
            said.append(compared(evidence, BUSY))
        if not (exceeds or tells):
            statement = "Copies beside it raise the rate; whether a busy machine does it as well is not ruled out"
            return unknown(CauseId.CONTENTION, statement, said, following)
        if not tells and evidence.witnessed.looked and observed_calls.OUTSIDE not in evidence.witnessed.places:
            statement = "Copies beside it raise the rate, but no file or port was seen that they could compete for"
            return unknown(CauseId.CONTENTION, statement, said, following)
        place, what = _disputed(evidence)
        return Cause(
            cause=CauseId.CONTENTION,
            status=Status.SUPPORTED,
            statement=f"Runs beside each other compete for something outside of the process{what}",
            place=place,
            evidence=said,
            next=following.run("--isolation fork -w 8"),
        )
    if evidence.arm(ALONE).failed and evidence.arm(PARALLEL).trials:
        said = [arm(evidence, ALONE), compared(evidence, PARALLEL)]
        if evidence.arm(PARALLEL).interval.high < 2 * evidence.arm(evidence.arm(PARALLEL).against).rate:
            return refuted(CauseId.CONTENTION, "It fails by itself, and copies beside it make it no worse", said)
        return unknown(CauseId.CONTENTION, "Copies beside it did not raise the rate clearly", said, following)
    return by_absence(evidence, CauseId.CONTENTION, (PARALLEL,), "Copies beside it do it no harm", following)


def load(evidence: Evidence, following: Next) -> Cause:
    flake = evidence.flake
    rises = evidence.is_significant(BUSY, "rises")
    limit = has_limit(evidence)
    if rises:
        said = [arm(evidence, ALONE), compared(evidence, BUSY)]
        if limit and (left := sanitizer_findings.left_in_every_failure(evidence)):
            statement = "A busy machine raises the rate, but it may wait for what is left behind in every failure"
            return unknown(CauseId.LOAD, statement, [*said, left], following)
        if limit:
            place = flake.place if flake is not None else None
            return Cause(
                cause=CauseId.LOAD,
                status=Status.SUPPORTED,
                statement="A time limit is too short for a busy machine",
                place=place,
                evidence=said,
                next=following.run("-w 1 --noise cpu=8"),
            )
        return unknown(
            CauseId.LOAD, "A busy machine raises the rate: timing matters, but no time limit was seen", said, following
        )
    alone, busy = evidence.arm(ALONE), evidence.arm(BUSY)
    if alone.failed and busy.trials and busy.interval.high < 2 * evidence.arm(busy.against).rate:
        return refuted(
            CauseId.LOAD, "A busy machine makes it no worse", [arm(evidence, ALONE), compared(evidence, BUSY)]
        )
    return by_absence(evidence, CauseId.LOAD, (BUSY,), "A busy machine does it no harm", following)


def _disputed(evidence: Evidence) -> tuple[Place | None, str]:
    """The line that reaches for what several want, and that thing."""
    flake = evidence.flake
    assert flake is not None
    outside = evidence.witnessed.places.get(observed_calls.OUTSIDE)
    use = evidence.witnessed.uses.get(observed_calls.OUTSIDE, "")
    what = f": {use}" if use else f" ({flake.errno})" if flake.errno else ""
    return (flake.place if flake.is_of_places or outside is None else outside), what
