"""A comparison as a page for a browser: the answer, both arms, and the evidence as it grew towards its bounds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from flakeproof.features.compare import report
from flakeproof.features.compare.history import ComparisonHistory
from flakeproof.features.compare.recorded_comparison import read_pairs
from flakeproof.features.compare.records import ComparisonSpec, ComparisonStarted
from flakeproof.features.compare.summary import ArmSummary, ComparisonSummary
from flakeproof.features.compare.verdict import FixVerdict, weigh
from flakeproof.reports.details import failure_details
from flakeproof.reports.pages import charts
from flakeproof.reports.pages.page import findings_page, text_shown
from flakeproof.reports.pages.parts import (
    PageChart,
    PageCommand,
    PageFold,
    PageSection,
    PageText,
    PageWords,
    Part,
)
from flakeproof.reports.rates import confidence, rate_with_interval
from flakeproof.settings.from_options import command_name
from flakeproof.stats.special import from_logarithm
from flakeproof.text import duration, number, odds, rate

_TONES = {FixVerdict.FIXED: "good", FixVerdict.REDUCED: "bad", FixVerdict.NOT_FIXED: "bad"}
_KINDS = 30
_TEXT = 6_000
_POINTS = 2_000
_LOOKS = 300
_FARTHEST = 1e12
"""Evidence beyond which a picture does not tell more from less."""


@dataclass
class EvidenceTrace:
    """The pairs lost by each arm along the way, from the record; no larger for more pairs."""

    spec: ComparisonSpec | None = None
    at: str = ""
    """When it began, ISO 8601, UTC."""
    points: list[tuple[int, int, int]] = field(default_factory=list)
    """Pairs that have ended, and those among them in which the base failed more often, and the fix."""


def trace_of(folder: Path) -> EvidenceTrace:
    """The trace of the comparison in `folder`. Raises OSError if its record is gone."""
    found, history = EvidenceTrace(), ComparisonHistory()
    step, seen = 1, 0
    try:
        for event in read_pairs(folder):
            history.add(event)
            if isinstance(event, ComparisonStarted):
                found.spec, found.at = event.spec, event.at
            lost = (history.pairs["base"], history.pairs["fix"])
            if found.points and found.points[-1][1:] == lost:
                continue  # a pair in which nobody lost changes no evidence
            seen += 1
            if seen % step == 0:
                found.points.append((history.total, *lost))
            if len(found.points) > _POINTS:
                found.points, step = found.points[::2], 2 * step
    except msgspec.DecodeError as error:
        raise OSError(f"the record cannot be read: {error}") from None
    found.points.append((history.total, history.pairs["base"], history.pairs["fix"]))
    return found


def render(summary: ComparisonSummary) -> bytes:
    """The page. Raises OSError for a record that is gone."""
    trace = trace_of(Path(summary.folder))
    closing = report.closing(summary)
    confirmed = [report.confirmed(summary.confirmation)] if summary.confirmation is not None else []
    answer: list[Part] = [PageWords(confirmed)] if confirmed else []
    return findings_page(
        verdict=summary.verdict.value,
        tone=_TONES.get(summary.verdict, "warn"),
        closing=closing.partition(": ")[2] or closing,
        target=summary.fix.target,
        said=f"comparison, {trace.at[:10]} {trace.at[11:16]} UTC",
        facts=_facts(summary),
        sections=[
            PageSection("", answer),
            PageSection("Both arms", _arms(summary)),
            PageSection("The evidence, as it grew", _evidence(summary, trace)),
            PageSection("Kinds of failure", _kinds(summary)),
        ],
        words="\n".join([*report.results(summary, command_name()), "", closing, *confirmed]),
        foot=f"Comparison {summary.run_id}, seed {summary.seed}",
    )


def _facts(summary: ComparisonSummary) -> Iterator[tuple[str, str]]:
    for arm in (summary.base, summary.fix):
        at = f" at {arm.revision[:12]}" if arm.revision else ""
        yield f"{arm.name}{at} failed", f"{number(arm.failed)} of {number(arm.passed + arm.failed)}"
    yield "pairs", number(summary.pairs)
    yield f"evidence that {summary.fix.name} fails less often", odds(summary.evidence.effect)
    yield f"evidence against a {summary.reduction:g}-fold reduction", odds(summary.evidence.futility)
    yield "evidence that decides", f"{odds(summary.evidence.wanted)} (error at most {rate(summary.error)})"
    if summary.elapsed:
        yield "time", duration(summary.elapsed)


def _arms(summary: ComparisonSummary) -> list[PageChart]:
    rows, table = [], []
    sure = "95% interval"
    for arm, tone in ((summary.base, "kind5"), (summary.fix, _TONES.get(summary.verdict, "warn"))):
        if arm.rate is None or arm.interval is None:
            continue
        sure = confidence(arm.interval)
        said = rate_with_interval(arm.rate, arm.interval)
        rows.append(
            {
                "name": f"{arm.name}: {said}",
                "value": arm.rate,
                "low": arm.interval.low,
                "high": arm.interval.high,
                "tone": tone,
            }
        )
        table.append((_named(arm), number(arm.failed), number(arm.passed + arm.failed), said))
    if not rows:
        return []
    caption = (
        f"The failure rate of each arm, and its {sure}, which holds at every moment. The verdict does not compare "
        "these intervals: it comes from pairs that ran in turns."
    )
    heads = ("arm", "failed", "of", "failure rate")
    return [PageChart(charts.intervals(rows, what="failure rate"), caption, heads, table)]


def _named(arm: ArmSummary) -> str:
    return f"{arm.name} ({arm.target}{f' at {arm.revision[:12]}' if arm.revision else ''})"


def _evidence(summary: ComparisonSummary, trace: EvidenceTrace) -> list[PageChart]:
    spec = trace.spec
    if spec is None or len(trace.points) < 2:
        return []
    effect = f"{summary.fix.name} fails less often"
    futility = f"its odds are not reduced {summary.reduction:g}-fold"
    step = max(1, len(trace.points) // _LOOKS)
    looks = [*trace.points[:-1:step], trace.points[-1]]
    rows, table = [], []
    for at, base, fix in looks:
        weighed = weigh(base, fix, spec, 0)
        values = {effect: from_logarithm(weighed.effect), futility: from_logarithm(weighed.futility)}
        rows += [{"at": at, "evidence": min(value, _FARTHEST), "claim": claim} for claim, value in values.items()]
        table.append((number(at), number(base), number(fix), *(odds(value) for value in values.values())))
    svg = charts.evidence(
        rows, wanted=summary.evidence.wanted, colours={effect: "good", futility: "bad"}, what="pairs that have ended"
    )
    caption = (
        f"Each line is the evidence for one claim, as odds on a logarithmic scale; the claim whose line reaches the "
        f"broken one ({odds(summary.evidence.wanted)}) is proven, with an error of at most {rate(summary.error)}. At "
        f"the end: {odds(summary.evidence.effect)}, and {odds(summary.evidence.futility)}."
    )
    heads = ("pairs", f"{summary.base.name} failed more often", f"{summary.fix.name} did", effect, futility)
    every = max(1, len(table) // 20)
    return [PageChart(svg, caption, heads, _kept(table, every))]


def _kept(table: Sequence[Sequence[str]], every: int) -> list[Sequence[str]]:
    """Some of the rows, and the last one."""
    return [*table[:-1:every], table[-1]]


def _kinds(summary: ComparisonSummary) -> list[Part]:
    parts: list[Part] = []
    for place, kind in enumerate(summary.kinds[:_KINDS], 1):
        message = kind.example.message if kind.example is not None else kind.signature
        said = (
            f"{summary.base.name} {number(kind.base)} ×, {summary.fix.name} {number(kind.fix)} × "
            f"({report.standing(kind)}): {message}"
        )
        inner: list[Part] = []
        if kind.example is not None:
            text = text_shown("\n".join(failure_details(kind.example)), _TEXT)
            inner += [PageText(f"Kind {place}", text)] if text else []
            arm = next(arm for arm in (summary.base, summary.fix) if arm.name == kind.arm)
            if not arm.revision:
                name = report.run_name(summary, arm.run_id)
                inner.append(PageCommand("Again:", f"{command_name()} replay {name} {kind.example.trial}"))
        parts.append(PageFold(f"Kind {place}", said, inner, is_open=place == 1))
    if (more := len(summary.kinds) - _KINDS) > 0:
        parts.append(PageWords([f"and {number(more)} more kinds: see --json"], is_quiet=True))
    return parts
