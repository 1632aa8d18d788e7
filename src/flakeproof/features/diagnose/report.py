"""The words in which a diagnosis is told to people, as lines of plain text."""

import linecache
from collections.abc import Iterator

from flakeproof.features.diagnose.records import Cause, Diagnosis, Experiment, Place, Status
from flakeproof.features.diagnose.report_numbers import counted
from flakeproof.reports.rates import rate_with_interval
from flakeproof.results.verdict import Verdict
from flakeproof.text import duration, number, one_line, shown_path

_MARKS = {Status.SUPPORTED: "supported", Status.UNKNOWN: "unknown", Status.REFUTED: "refuted"}
_MESSAGE = 200
_OTHER = 120


def experiment(found: Experiment) -> str:
    """`alone, one at a time: 0 of 300 failed (at most 0.99%)`."""
    other = f"; {number(found.other)} in another way" if found.other else ""
    return f"{found.setting}: {counted(found.failed, found.trials)}{other}"


def results(found: Diagnosis) -> Iterator[str]:
    """The results block without the closing line."""
    yield "=== Diagnosis ==="
    yield f"Target: {one_line(found.target, _MESSAGE)}"
    if found.rate is not None and found.interval is not None:
        yield f"Failure rate: {rate_with_interval(found.rate, found.interval)}"
    if found.failure:
        yield f"Failure: {one_line(found.failure, _MESSAGE)}"
        yield from _place(found.place, "  ")
    for other in found.others:
        yield f"Also seen: {one_line(other, _OTHER)}"
    yield f"Duration: {duration(found.elapsed)}"
    for note in found.notes:
        yield f"Note: {note}"
    if found.differences:
        yield ""
        yield "What failing tests did that passing ones did not:"
        for one in found.differences:
            yield f"  - {one.statement}{' (the failure itself)' if one.is_symptom else ''}"
            if source := linecache.getline(one.place.file, one.place.line).strip():
                yield f"      {source}"
    told = [cause for cause in found.causes if cause.status is not Status.REFUTED and cause.evidence]
    refuted = [cause for cause in found.causes if cause.status is Status.REFUTED]
    open_ = [cause for cause in found.causes if cause not in told and cause not in refuted]
    for rank, cause in enumerate(told, 1):
        yield ""
        yield from _cause(cause, rank)
    if refuted:
        yield ""
        yield "Ruled out:"
        for cause in refuted:
            yield f"  {cause.cause.value}: {_because(cause)}"
    if open_:
        yield ""
        yield f"Not decided: {', '.join(cause.cause.value for cause in open_)}"


def closing(found: Diagnosis) -> str:
    """The last line: what it means."""
    supported = [cause for cause in found.causes if cause.status is Status.SUPPORTED]
    early = f" ({found.stopped})" if found.stopped else ""
    if supported:
        also = f"; also supported: {', '.join(cause.cause.value for cause in supported[1:])}" if supported[1:] else ""
        return f"Cause{early}: {supported[0].cause.value}: {supported[0].statement}{also}"
    if found.verdict is Verdict.INCONCLUSIVE:
        return f"Nothing is known{early}: no test has passed or failed"
    if found.verdict is Verdict.STABLE:
        tried = sum(one.trials for one in found.experiments)
        finding = "; something else was found" if found.causes else " and nothing was found"
        return f"No failure{early} in {number(tried)} tests under {number(len(found.experiments))} settings{finding}"
    what = "It always fails" if found.verdict is Verdict.BROKEN else "It fails"
    return f"{what}{early}, and no cause is supported by what was seen; give it more time: --budget"


def _cause(cause: Cause, rank: int) -> Iterator[str]:
    yield f"{rank}. {cause.cause.value} ({_MARKS[cause.status]}): {cause.statement}"
    yield from _place(cause.place, "   ")
    for said in cause.evidence:
        yield f"   - {said}"
    if cause.next:
        yield f"   next: {cause.next}"


def _place(place: Place | None, indent: str) -> Iterator[str]:
    if place is None:
        return
    yield f"{indent}at {shown_path(place.file)}:{place.line} in {place.function}"
    if source := linecache.getline(place.file, place.line).strip():
        yield f"{indent}    {source}"


def _because(cause: Cause) -> str:
    return f"{cause.statement} ({'; '.join(cause.evidence)})" if cause.evidence else cause.statement
