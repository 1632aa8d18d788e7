"""A comparison as Markdown, for a pull request."""

from collections.abc import Iterator

from flakeproof.features.compare import report as lines
from flakeproof.features.compare.summary import ComparisonSummary
from flakeproof.features.run import report_loading
from flakeproof.reports.markdown import code
from flakeproof.reports.rates import rate_with_interval
from flakeproof.text import duration, number, odds
from flakeproof.version import __version__

_KINDS = 20


def render(summary: ComparisonSummary) -> bytes:
    """The document."""
    return "\n".join([*_head(summary), *_kinds(summary), *_foot(summary), ""]).encode()


def _head(summary: ComparisonSummary) -> Iterator[str]:
    yield f"### flakeproof: {code(summary.fix.target)}: {summary.verdict.value}"
    yield ""
    yield lines.closing(summary)
    if summary.confirmation is not None:
        yield lines.confirmed(summary.confirmation)
    yield ""
    yield "| arm | target | failed | of | failure rate |"
    yield "|---|---|--:|--:|---|"
    for arm in (summary.base, summary.fix):
        rate = "" if arm.rate is None or arm.interval is None else rate_with_interval(arm.rate, arm.interval)
        name = f"{code(arm.name)} at {code(arm.revision[:12])}" if arm.revision else code(arm.name)
        yield f"| {name} | {code(arm.target)} | {number(arm.failed)} | {number(arm.passed + arm.failed)} | {rate} |"
    yield ""
    for arm in (summary.base, summary.fix):
        for line in report_loading.results(arm.loads):
            yield f"- {code(arm.name)}: {line.strip()}"
        if arm.loads is not None and arm.loads.failed:
            yield ""
    wanted = odds(summary.evidence.wanted)
    yield (
        f"{number(summary.pairs)} pairs in random order: {code(summary.base.name)} failed more often in "
        f"{number(summary.base_lost)}, {code(summary.fix.name)} in {number(summary.fix_lost)}. Evidence for a fix "
        f"{odds(summary.evidence.effect)}, against a {summary.reduction:g}-fold reduction "
        f"{odds(summary.evidence.futility)} ({wanted} is wanted)."
    )
    yield ""


def _kinds(summary: ComparisonSummary) -> Iterator[str]:
    if not summary.kinds:
        return
    yield f"| failure | {code(summary.base.name)} | {code(summary.fix.name)} | |"
    yield "|---|--:|--:|---|"
    for kind in summary.kinds[:_KINDS]:
        message = code(kind.example.message) if kind.example is not None else code(kind.signature)
        yield f"| {message} | {number(kind.base)} | {number(kind.fix)} | {lines.standing(kind)} |"
    yield ""
    if len(summary.kinds) > _KINDS:
        yield f"{number(len(summary.kinds) - _KINDS)} more kinds of failure are in the JSON report."
        yield ""


def _foot(summary: ComparisonSummary) -> Iterator[str]:
    yield (
        f"<sub>Comparison {summary.run_id}, seed {summary.seed}, {duration(summary.elapsed)}; "
        f"flakeproof {__version__}</sub>"
    )
