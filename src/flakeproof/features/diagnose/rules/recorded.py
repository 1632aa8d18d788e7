"""What failing tests did that passing ones did not, as a cause of its own."""

from flakeproof.features.diagnose.evidence import Evidence
from flakeproof.features.diagnose.records import Cause, CauseId, Place, Status
from flakeproof.features.diagnose.rules.common import Next


def difference(evidence: Evidence, following: Next) -> Cause:
    """Supported where recorded trials differ before the failure, and not only in the failure itself."""
    told = [one for one in evidence.differences if not one.is_symptom]
    if not told:
        return Cause(cause=CauseId.DIFFERENCE, status=Status.UNKNOWN, statement="No difference is known")
    first, paused = told[0], evidence.paused
    if paused is not None:
        return Cause(
            cause=CauseId.DIFFERENCE,
            status=Status.PROVEN,
            statement="How long it takes until here decides: a pause changes how often it fails",
            place=paused.place,
            evidence=[paused.text, *(one.text for one in told)],
            next=following.run(paused.option),
        )
    return Cause(
        cause=CauseId.DIFFERENCE,
        status=Status.SUPPORTED,
        statement="Failing tests differ from passing ones here, before they fail",
        place=Place(file=first.file, line=first.line, function=first.function),
        evidence=[one.text for one in told],
        next=following.replay,
    )
