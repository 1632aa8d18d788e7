"""The words in which a diagnosis is told to people, as lines of plain text."""

import linecache
from collections.abc import Iterator

from flakeproof.features.diagnose.evidence import ALONE, GIVEN
from flakeproof.features.diagnose.records import FOUND, Cause, Diagnosis, Experiment, Place, Status
from flakeproof.features.diagnose.report_numbers import counted
from flakeproof.results.verdict import Verdict
from flakeproof.text import duration, number, one_line, plural, shown_path

_MARKS = {Status.PROVEN: "proven", Status.SUPPORTED: "supported", Status.UNKNOWN: "unknown", Status.REFUTED: "refuted"}
_MESSAGE = 200
_OTHER = 120
_RUNNERS_UP = 1
_DIFFERENCES = 5
_FEW_PROCESSES = 30
"""From so many on the bound on what a process fixes once is about as good as one on trials."""


def experiment(found: Experiment) -> str:
    """`alone, one at a time: 4 of 300 failed (1.33%, 0.36% to 3.38%)`, or `…: 0 of 300 failed, in 8 processes`."""
    other = f"; {number(found.other)} in another way" if found.other else ""
    few = found.trials > found.processes and 0 < found.processes < _FEW_PROCESSES and not found.failed
    if few:  # a bound would be one on what a process does not fix
        where = plural(found.processes, "process", "processes")
        return f"{found.setting}: 0 of {number(found.trials)} failed, in {where}{other}"
    return f"{found.setting}: {counted(found.failed, found.trials)}{other}"


def results(found: Diagnosis, *, verbose: bool = False) -> Iterator[str]:
    """The results: the answer first, then what else is likely; what was ruled out only with `verbose`."""
    yield "=== Diagnosis ==="
    told = [cause for cause in found.causes if cause.status is not Status.REFUTED and cause.evidence]
    refuted = [cause for cause in found.causes if cause.status is Status.REFUTED]
    open_ = [cause for cause in found.causes if cause not in told and cause not in refuted]
    known = [cause for cause in told if cause.status in FOUND]
    yield closing(found)
    if known:
        yield from _facts(known[0], "  ")
    yield ""
    yield f"Target: {one_line(found.target, _MESSAGE)}"
    if found.failure:
        yield f"Failure: {one_line(found.failure, _MESSAGE)}"
        yield from _place(found.place, "  ")
    if (base := _base(found)) is not None and (base.failed or verbose or not known):
        yield f"Failure rate, {experiment(base)}"
    for other in found.others:
        yield f"Also seen: {one_line(other, _OTHER)}"
    for note in found.notes:
        yield f"Note: {note}"
    said = set(known[0].evidence) if known else set()
    differences = [difference for difference in found.differences if difference.statement not in said]
    if differences:
        yield ""
        yield "What failing tests did that passing ones did not:"
        for difference in differences if verbose else differences[:_DIFFERENCES]:
            yield f"  - {difference.statement}{' (the failure itself)' if difference.is_symptom else ''}"
            if source := linecache.getline(difference.place.file, difference.place.line).strip():
                yield f"      {source}"
        if not verbose and (more := len(differences) - _DIFFERENCES) > 0:
            yield f"  and {number(more)} more (--verbose)"
    rest = [cause for cause in told if cause not in known[:1]]
    for cause in rest if verbose else rest[:_RUNNERS_UP]:
        yield ""
        yield f"{cause.cause.value} ({_MARKS[cause.status]}): {cause.statement}"
        yield from _facts(cause, "  ")
    if verbose and refuted:
        yield ""
        yield "Ruled out:"
        for cause in refuted:
            yield f"  {cause.cause.value}: {_because(cause)}"
    if verbose and open_:
        yield ""
        yield f"Not decided: {', '.join(cause.cause.value for cause in open_)}"
    yield ""
    yield f"{duration(found.elapsed)}{'' if verbose else _left_out(len(refuted), len(open_), len(rest))}"


def _base(found: Diagnosis) -> Experiment | None:
    """The experiment that the failure rate of the target comes from."""
    names = {one.name: one for one in found.experiments if one.trials}
    return names.get(GIVEN, names.get(ALONE))


def _left_out(refuted: int, open_: int, rest: int) -> str:
    """What --verbose shows beyond what was shown."""
    more = max(0, rest - _RUNNERS_UP)
    counts = ((more, "less likely"), (refuted, "ruled out"), (open_, "not decided"))
    said = ", ".join(f"{number(count)} {words}" for count, words in counts if count)
    return f"; further causes: {said} (--verbose)" if said else ""


def closing(found: Diagnosis) -> str:
    """The last line: what it means."""
    known = [cause for cause in found.causes if cause.status in FOUND]
    early = f" ({found.stopped})" if found.stopped else ""
    if known:
        first, *others = known
        also = ", ".join(f"{cause.cause.value} ({_MARKS[cause.status]})" for cause in others)
        told = f"{first.cause.value}: {first.statement}"
        return f"Cause, {_MARKS[first.status]}{early}: {told}{f'; also: {also}' if also else ''}"
    if found.verdict is Verdict.INCONCLUSIVE:
        return f"Nothing is known{early}: no test has passed or failed"
    if found.verdict is Verdict.STABLE:
        tried = sum(one.trials for one in found.experiments)
        finding = "; something else was found" if found.causes else " and nothing was found"
        return f"No failure{early} in {number(tried)} tests under {number(len(found.experiments))} settings{finding}"
    what = "It always fails" if found.verdict is Verdict.BROKEN else "It fails"
    return f"{what}{early}, and no cause is supported by what was seen; give it more time: --budget"


def _facts(cause: Cause, indent: str) -> Iterator[str]:
    """Line, evidence, and the next command."""
    yield from _place(cause.place, indent)
    for said in cause.evidence:
        yield f"{indent}- {said}"
    if cause.next:
        yield f"{indent}next: {cause.next}"


def _place(place: Place | None, indent: str) -> Iterator[str]:
    if place is None:
        return
    yield f"{indent}at {shown_path(place.file)}:{place.line} in {place.function}"
    if source := linecache.getline(place.file, place.line).strip():
        yield f"{indent}    {source}"


def _because(cause: Cause) -> str:
    return f"{cause.statement} ({'; '.join(cause.evidence)})" if cause.evidence else cause.statement
