"""What lies outside of the process, which runs beside each other have in common."""

from flakeproof.features.diagnose import observed_calls
from flakeproof.features.diagnose.evidence import Evidence
from flakeproof.features.diagnose.experiments.names import ALONE, BUSY, PARALLEL
from flakeproof.features.diagnose.records import Cause, CauseId, Place, Status
from flakeproof.features.diagnose.report_numbers import arm, compared
from flakeproof.features.diagnose.rules.common import Next, by_absence, refuted, unknown


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


def _disputed(evidence: Evidence) -> tuple[Place | None, str]:
    """The line that reaches for what several want, and that thing."""
    flake = evidence.flake
    assert flake is not None
    outside = evidence.witnessed.places.get(observed_calls.OUTSIDE)
    use = evidence.witnessed.uses.get(observed_calls.OUTSIDE, "")
    what = f": {use}" if use else f" ({flake.errno})" if flake.errno else ""
    return (flake.place if flake.is_of_places or outside is None else outside), what
