"""A diagnosis as a page for a browser: the cause with its line and evidence, what was changed on purpose, the rest."""

import linecache
from collections.abc import Iterator, Sequence

from flakeproof.features.diagnose import report
from flakeproof.features.diagnose.records import FOUND, Cause, Diagnosis, Experiment, Place, Status
from flakeproof.reports.pages import charts
from flakeproof.reports.pages.page import findings_page
from flakeproof.reports.pages.parts import (
    PageChart,
    PageCode,
    PageCommand,
    PageFold,
    PageSection,
    PageTable,
    PageWords,
    Part,
    code_around,
    listed,
)
from flakeproof.reports.rates import bounds
from flakeproof.results.verdict import Verdict
from flakeproof.text import duration, number, probability, shown_path

_CLEAR = 0.05
"""Probability below which a difference is given a colour; the verdict is that of the rules."""
_PAIRS = 8
_DIFFERENCES = 10
_TONES = {Status.PROVEN: "bad", Status.SUPPORTED: "bad", Status.UNKNOWN: "warn", Status.REFUTED: "good"}


def render(found: Diagnosis) -> bytes:
    """The page."""
    known = [cause for cause in found.causes if cause.status in FOUND]
    first = known[0] if known else None
    verdict = f"cause {first.status.value}" if first is not None else found.verdict.value
    closing = report.closing(found)
    good = found.verdict is Verdict.STABLE and not found.causes
    return findings_page(
        verdict=verdict,
        tone="bad" if first is not None else "good" if good else "warn",
        closing=closing.partition(": ")[2] if first is not None else closing,
        target=found.target,
        said="diagnose",
        facts=_facts(found),
        sections=[
            PageSection("", _cause(first) if first is not None else []),
            PageSection("The failure", _failure(found, first)),
            PageSection("What was changed on purpose", _pairs(found.experiments)),
            PageSection("What failing tests did that passing ones did not", _differences(found, first)),
            PageSection("Other causes", _others(found, first)),
            PageSection("All experiments", _experiments(found.experiments)),
        ],
        words="\n".join(report.results(found, verbose=True)),
        foot=f"Seed {found.seed}",
    )


def _facts(found: Diagnosis) -> Iterator[tuple[str, str]]:
    if found.rate is not None and found.interval is not None:
        yield "failure rate, 95% interval", bounds(found.rate, found.interval)
    yield "tests", number(sum(one.trials for one in found.experiments))
    yield "experiments", number(len(found.experiments))
    counts = {status: sum(cause.status is status for cause in found.causes) for status in Status}
    yield "causes", ", ".join(f"{number(count)} {status.value}" for status, count in counts.items() if count) or "none"
    yield "time", duration(found.elapsed)


def _code(place: Place | None, said: str = "") -> list[PageCode]:
    return [] if place is None else code_around(place.file, place.line, f"in {place.function}{said}")


def _cause(cause: Cause) -> list[Part]:
    parts: list[Part] = [listed(cause.evidence)] if cause.evidence else []
    parts += _code(cause.place)
    return [*parts, PageCommand("Next:", cause.next)] if cause.next else parts


def _failure(found: Diagnosis, first: Cause | None) -> list[Part]:
    if not found.failure:
        return []
    lines = [f"Also seen: {other}" for other in found.others] + [f"Note: {note}" for note in found.notes]
    code = [] if first is not None and first.place == found.place else _code(found.place)
    return [PageWords([found.failure]), *code, *([listed(lines)] if lines else [])]


def _is_clear(chance: float | None) -> bool:
    return chance is not None and chance <= _CLEAR


def _least(one: Experiment) -> float:
    return min((p for p in (one.rises, one.falls) if p is not None), default=1.0)


def _pairs(experiments: Sequence[Experiment]) -> list[Part]:
    """Each setting and the one it is compared with, the clearest difference first."""
    by_name = {one.name: one for one in experiments}
    pairs = [(one, by_name[one.against]) for one in experiments if one.trials and one.against in by_name]
    pairs = sorted((pair for pair in pairs if pair[1].trials), key=lambda pair: _least(pair[0]))
    if not pairs:
        return []
    rows: list[dict[str, object]] = []
    for one, control in pairs[:_PAIRS]:
        tone = "bad" if _is_clear(one.rises) else "good" if _is_clear(one.falls) else "kind1"
        rows += [{**_row(one, tone), "apart": bool(rows)}, _row(control, "kind5")]
    table = [
        (one.setting, _counted(one), control.setting, _counted(control), probability(_least(one)))
        for one, control in pairs
    ]
    caption = (
        "In each pair the setting above was compared with the one below it: failure rates with exact 95% intervals, "
        "the clearest difference first. Red fails more often than its control and green more rarely, where that is "
        f"chance in less than {100 * _CLEAR:g} of a hundred diagnoses (corrected for all comparisons made, Holm)."
    )
    heads = ("setting", "failed", "control", "failed", "by chance")
    return [PageChart(charts.intervals(rows, what="failure rate"), caption, heads, table)]


def _row(one: Experiment, tone: str) -> dict[str, object]:
    assert one.rate is not None
    assert one.interval is not None
    name = f"{_counted(one)}: {one.setting}"
    return {"name": name, "value": one.rate, "low": one.interval.low, "high": one.interval.high, "tone": tone}


def _counted(one: Experiment) -> str:
    return f"{number(one.failed)} of {number(one.trials)}"


def _differences(found: Diagnosis, first: Cause | None) -> list[Part]:
    """Those that are not among the evidence of the first cause."""
    said = () if first is None else first.evidence
    differences = [one for one in found.differences if one.statement not in said]
    parts: list[Part] = []
    for difference in differences[:_DIFFERENCES]:
        symptom = " (the failure itself)" if difference.is_symptom else ""
        parts += [PageWords([f"{difference.statement}{symptom}"]), *_code(difference.place)]
    if (more := len(differences) - _DIFFERENCES) > 0:
        parts.append(PageWords([f"and {number(more)} more: see --json"], is_quiet=True))
    return parts


def _others(found: Diagnosis, first: Cause | None) -> list[Part]:
    parts: list[Part] = []
    for cause in found.causes:
        if cause is first or not (cause.evidence or cause.status in FOUND):
            continue
        inner = [*_cause(cause), *([] if cause.place is None or _is_there(cause.place) else [_where(cause.place)])]
        parts.append(PageFold(f"{cause.cause.value} ({cause.status.value})", cause.statement, inner))
    open_ = [cause.cause.value for cause in found.causes if not cause.evidence and cause.status is Status.UNKNOWN]
    if open_:
        parts.append(PageWords([f"Not decided: {', '.join(open_)}"], is_quiet=True))
    return parts


def _is_there(place: Place) -> bool:
    return bool(linecache.getline(place.file, place.line).strip())


def _where(place: Place) -> PageWords:
    return PageWords([f"at {shown_path(place.file)}:{place.line} in {place.function}"])


def _experiments(experiments: Sequence[Experiment]) -> list[Part]:
    rows = [
        (
            one.setting,
            number(one.failed),
            number(one.trials),
            "" if one.rate is None else bounds(one.rate, one.interval),
            number(one.other),
        )
        for one in experiments
        if one.trials or one.other
    ]
    heads = ("setting", "failed", "of", "rate, 95%", "otherwise")
    return [PageTable("All experiments", heads, rows, (1, 2, 3, 4))] if rows else []
