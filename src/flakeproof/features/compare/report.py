"""Report a comparison, as lines of plain text and as Markdown."""

import re
from collections.abc import Iterator
from pathlib import Path

from flakeproof.features.compare.history import ComparisonHistory
from flakeproof.features.compare.summary import ArmSummary, ComparisonSummary, ConfirmationSummary, KindSummary
from flakeproof.features.compare.verdict import FixVerdict, decide
from flakeproof.features.run import report_items
from flakeproof.features.run.report import name_of
from flakeproof.reports.details import place
from flakeproof.reports.foreign import code
from flakeproof.reports.rates import rate_with_interval
from flakeproof.stats.comparison import further_pairs
from flakeproof.stats.special import from_logarithm
from flakeproof.text import duration, number, odds, one_line, plural, rate, shown_path, upper, whole_duration
from flakeproof.version import __version__

_KINDS_SHOWN = 5
_CHECKOUT = re.compile(r".*/flakeproof-base-[0-9a-f]{16}/")
"""The temporary checkout of a revision, which no longer exists when the report is read."""
_STANDING = {
    FixVerdict.FIXED: "gone",
    FixVerdict.REDUCED: "reduced",
    FixVerdict.NOT_FIXED: "not gone",
    FixVerdict.INCONCLUSIVE: "not decided",
}


def progress(history: ComparisonHistory) -> str:
    """One line: pairs, failures of both arms, evidence for and against a fix, estimated time to a verdict."""
    spec = history.spec
    assert spec is not None
    failed = ", ".join(
        f"{arm.name} failed {number(count.failed)} of {number(count.passed + count.failed)}"
        for arm, count in zip(spec.arms, (history.base, history.fix), strict=True)
    )
    return f"Progress: {plural(history.total, 'pair')}, {failed}, {evidence(history)}{remaining(history)}"


def evidence(history: ComparisonHistory) -> str:
    """The evidence for and against a fix, and the evidence that decides."""
    spec = history.spec
    assert spec is not None
    whole = decide(spec, history).whole
    return f"evidence for a fix {_odds(whole.effect)}, against {_odds(whole.futility)} (wanted: {_odds(whole.wanted)})"


def remaining(history: ComparisonHistory) -> str:
    """For example `, ~12s to a verdict`, at the rates so far; "" if it cannot be estimated."""
    spec = history.spec
    assert spec is not None
    lost = history.pairs["base"], history.pairs["fix"]
    own = history.total - spec.carried
    further = further_pairs(*lost, history.total, spec.error, spec.reduction) if own else None
    if not further:
        return ""
    seconds = further * history.elapsed / own
    left = None if spec.duration is None else spec.duration - history.elapsed
    budget = f", {whole_duration(max(0.0, left))} left" if left is not None and left < seconds else ""
    return f", ~{whole_duration(seconds)} to a verdict{budget}"


def results(summary: ComparisonSummary, command: str) -> Iterator[str]:
    """The results block without the closing line; `command` is how this program is called."""
    yield "=== Comparison ==="
    for arm in (summary.base, summary.fix):
        yield _arm(arm)
        for line in report_items.load_failures(arm.loads):
            yield f"  {line}"
    names = summary.base.name, summary.fix.name
    lost = f"{names[0]} failed more often in {summary.base_lost}, {names[1]} in {summary.fix_lost}"
    yield f"Pairs: {number(summary.pairs)} {_unit(summary)}; {lost}"
    if summary.ties or summary.void:
        without = f"{plural(summary.void, 'pair')} without a result"
        yield f"Both failed equally often in {plural(summary.ties, 'pair')}; {without}"
    wanted = odds(summary.evidence.wanted)
    yield f"Evidence that {names[1]} fails less often: {odds(summary.evidence.effect)} (wanted: {wanted})"
    yield (
        f"Evidence that its odds of failing are not reduced {summary.reduction:g}-fold: "
        f"{odds(summary.evidence.futility)} (wanted: {wanted})"
    )
    if summary.base_lost + summary.fix_lost:
        yield f"Odds of failing, {names[1]} to {names[0]}: {_factor(summary)}"
    if summary.elapsed:  # unknown if the comparison was killed
        yield f"Duration: {duration(summary.elapsed)}"
    if summary.kinds:
        yield ""
        yield f"{plural(len(summary.kinds), 'distinct failure')}:"
        for kind in summary.kinds[:_KINDS_SHOWN]:
            yield from _kind(kind, summary, command)
        if len(summary.kinds) > _KINDS_SHOWN:
            yield f"  and {plural(len(summary.kinds) - _KINDS_SHOWN, 'more kind')}: see the JSON report"


def closing(summary: ComparisonSummary) -> str:
    """The last line: the conclusion."""
    loads = [f"; {arm.name}: {remark}" for arm in _arms(summary) if (remark := report_items.load_remark(arm.loads))]
    advice = ""
    if loads and summary.verdict is FixVerdict.INCONCLUSIVE:
        advice = "; with --isolation fresh each test loads its target, and failures to load it are compared as well"
    return _answer(summary) + "".join(loads) + advice


def _answer(summary: ComparisonSummary) -> str:
    """The conclusion from the tests that could be loaded."""
    base, fix = (
        f"{arm.name} failed in {number(arm.failed)} of {number(arm.passed + arm.failed)}" for arm in _arms(summary)
    )
    error = f"error at most {rate(summary.error)}"
    match summary.verdict:
        case FixVerdict.FIXED:
            fixed = (
                "Fixed" if not summary.fix.loads or not summary.fix.loads.failed else "Fixed where it could be loaded"
            )
            broken = "" if summary.base.passed else f"; {summary.base.name} always failed: it was broken, not flaky"
            most = f", so at most {upper(summary.fix.interval.high)}" if summary.fix.interval is not None else ""
            return f"{fixed}: {base} tests, {fix}{most} ({error}){broken}"
        case FixVerdict.REDUCED:
            gone = [kind for kind in summary.kinds if kind.verdict is FixVerdict.FIXED]
            if gone and summary.evidence.effect < summary.evidence.wanted:
                left = sum(kind.fix > 0 for kind in summary.kinds)
                return (
                    f"Reduced, not fixed: {plural(len(gone), 'kind')} of failure gone, {number(left)} left "
                    f"({base} tests, {fix}; {error})"
                )
            return f"Reduced, not fixed: {base} tests, {fix}; odds of failing {_factor(summary)} ({error})"
        case FixVerdict.NOT_FIXED:
            if not summary.base.passed and not summary.fix.passed:
                return f"Not fixed: {base} tests, {fix}: always, so this is broken, not flaky"
            return f"Not fixed: {base} tests, {fix}; no {summary.reduction:g}-fold reduction ({error})"
    return f"Inconclusive{_ended(summary)}: {_why_inconclusive(summary)}"


def confirmed(found: ConfirmationSummary) -> str:
    """Whether an unprovoked run of the fix confirms the verdict."""
    tests = f"{number(found.failed)} of {number(found.passed + found.failed)} tests failed"
    if not found.exit_code:
        return f"Confirmed without provocation: {tests}, the rate is below {rate(found.finding.rate)}"
    return f"Not confirmed without provocation: {tests}"


def standing(kind: KindSummary) -> str:
    """What is known about a kind of failure: gone, reduced, …"""
    if kind.fix and not kind.base:
        return "not seen in the base"
    if kind.verdict is FixVerdict.INCONCLUSIVE and not kind.fix:
        return "none left so far"
    return _STANDING[kind.verdict]


def run_name(summary: ComparisonSummary, run_id: str) -> str:
    """The name by which commands find the comparison, or the run of an arm."""
    return name_of(Path(summary.folder).with_name(run_id))


def _arms(summary: ComparisonSummary) -> tuple[ArmSummary, ArmSummary]:
    return summary.base, summary.fix


def _arm(arm: ArmSummary) -> str:
    of = f" at {arm.revision[:12]}" if arm.revision else ""
    shown = ""
    if arm.rate is not None and arm.interval is not None:
        shown = f": {rate_with_interval(arm.rate, arm.interval)}"
    other = f", {number(arm.other)} without a result" if arm.other else ""
    decided = arm.passed + arm.failed
    return (
        f"{arm.name} ({one_line(arm.target, 100)}{of}): failed {number(arm.failed)} of {number(decided)}{other}{shown}"
    )


def _unit(summary: ComparisonSummary) -> str:
    if summary.company == 1 or not summary.pairs:
        return "of a test each"
    tests = sum(arm.passed + arm.failed + arm.other for arm in _arms(summary)) / 2 / summary.pairs
    return f"of blocks of {number(round(tests))} tests on average, {summary.company} at once"


def _factor(summary: ComparisonSummary) -> str:
    confidence = f"{100 * summary.odds_ratio_confidence:g}%"
    if summary.odds_ratio_high is None:
        return f"at least {summary.odds_ratio_low:.2g} times ({confidence})"
    if not summary.odds_ratio_low:
        return f"at most {summary.odds_ratio_high:.2g} times ({confidence})"
    return f"{summary.odds_ratio_low:.2g} to {summary.odds_ratio_high:.2g} times ({confidence})"


def _kind(kind: KindSummary, summary: ComparisonSummary, command: str) -> Iterator[str]:
    message = one_line(kind.example.message, 200) if kind.example is not None else kind.signature
    yield f"  {summary.base.name} {kind.base} ×, {summary.fix.name} {kind.fix} × ({standing(kind)}): {message}"
    if kind.example is None:
        return
    if (found := place(kind.example)) is not None:
        yield f"      at {_CHECKOUT.sub('', shown_path(found[0]))}:{found[1]}"
    arm = next(arm for arm in _arms(summary) if arm.name == kind.arm)
    if not arm.revision:
        yield f"      again: {command} replay {run_name(summary, arm.run_id)} {kind.example.trial}"


def _ended(summary: ComparisonSummary) -> str:
    return f" ({summary.stopped})" if summary.stopped else ""


def _why_inconclusive(summary: ComparisonSummary) -> str:
    """Why there is no verdict, and what to do."""
    again = f"go on with --resume {run_name(summary, summary.run_id)}"
    if not summary.pairs:
        return "no pair of tests has ended; give it more time: --duration 30m"
    if summary.void == summary.pairs:
        return "no test has a result (all were skipped or lost)"
    if not summary.base.failed and not summary.fix.failed:
        highest = summary.base.interval
        most = f" (at most {upper(highest.high)})" if highest is not None else ""
        return (
            f"{summary.base.name} has not failed in {number(summary.base.passed)} tests{most}, so there is nothing to "
            f"compare; provoke it in both arms (more --workers, --isolation shared, a shorter --settle), or {again}"
        )
    if summary.further_pairs is None:
        return f"no number of pairs would decide at the rates seen so far; {again}"
    return f"about {plural(summary.further_pairs, 'more pair')} would decide at the rates seen so far; {again}"


def _odds(logarithm: float) -> str:
    return odds(from_logarithm(logarithm))


_KINDS = 20


def as_markdown(summary: ComparisonSummary) -> bytes:
    """The report as a Markdown document."""
    return "\n".join([*_head(summary), *_kinds(summary), *_foot(summary), ""]).encode()


def _head(summary: ComparisonSummary) -> Iterator[str]:
    yield f"### flakeproof: {code(summary.fix.target)}: {summary.verdict.value}"
    yield ""
    yield closing(summary)
    if summary.confirmation is not None:
        yield confirmed(summary.confirmation)
    yield ""
    yield "| arm | target | failed | of | failure rate |"
    yield "|---|---|--:|--:|---|"
    for arm in (summary.base, summary.fix):
        rate = "" if arm.rate is None or arm.interval is None else rate_with_interval(arm.rate, arm.interval)
        name = f"{code(arm.name)} at {code(arm.revision[:12])}" if arm.revision else code(arm.name)
        yield f"| {name} | {code(arm.target)} | {number(arm.failed)} | {number(arm.passed + arm.failed)} | {rate} |"
    yield ""
    for arm in (summary.base, summary.fix):
        for line in report_items.load_failures(arm.loads):
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
        yield f"| {message} | {number(kind.base)} | {number(kind.fix)} | {standing(kind)} |"
    yield ""
    if len(summary.kinds) > _KINDS:
        yield f"{number(len(summary.kinds) - _KINDS)} more kinds of failure are in the JSON report."
        yield ""


def _foot(summary: ComparisonSummary) -> Iterator[str]:
    yield (
        f"<sub>Comparison {summary.run_id}, seed {summary.seed}, {duration(summary.elapsed)}; "
        f"flakeproof {__version__}</sub>"
    )
