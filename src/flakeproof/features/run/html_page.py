"""A run as a page for a browser: the answer first, then the pictures, the tests and the kinds of failure."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from flakeproof.features.run import report
from flakeproof.features.run.run_trace import RunTrace, trace_of
from flakeproof.reports.details import failure_details
from flakeproof.reports.pages import charts
from flakeproof.reports.pages.page import findings_page, name_shown, text_shown
from flakeproof.reports.pages.parts import (
    PageChart,
    PageCommand,
    PageFold,
    PageSection,
    PageTable,
    PageText,
    PageWords,
    Part,
)
from flakeproof.reports.rates import bounds, confidence, rate_with_interval
from flakeproof.results.summary import Summary
from flakeproof.results.verdict import Verdict
from flakeproof.stats.intervals import robbins
from flakeproof.text import duration, lower, number, plural, share, short_duration, speed, upper
from flakeproof_worker.shared.durations import RATIO

_TONES = {Verdict.STABLE: "good", Verdict.FLAKY: "bad", Verdict.BROKEN: "bad"}
_LOOKS = 120
_KINDS = 30
_ITEMS = 300
_COLOURS = 6
"""Kinds of failure that have a colour of their own in a picture."""
_TEXT = 6_000
_NAMED = 5
_BINS = 40
_MOST_PLACES = 1_500


def render(summary: Summary) -> bytes:
    """The page. Raises OSError for a record that is gone."""
    try:
        trace = trace_of(Path(summary.folder))
    except msgspec.DecodeError as error:
        raise OSError(f"the record cannot be read: {error}") from None
    command = "run" if trace.spec is None or trace.spec.question is None else "gate"
    return findings_page(
        verdict=str(summary.verdict),
        tone=_TONES.get(summary.verdict, "warn"),
        closing=report.closing(summary),
        target=summary.target,
        said=f"{command}, {trace.at[:10]} {trace.at[11:16]} UTC",
        facts=_facts(summary),
        sections=[*_charts(summary, trace), PageSection("Tests", _tests(summary)), _kinds(summary)],
        words="\n".join([*report.results(summary, verbose=False), "", report.closing(summary)]),
        foot=f"Run {summary.run_id}, seed {summary.seed}",
    )


def _more(count: int, what: str, several: str = "") -> str:
    return f"and {plural(count, what, several)}: see --json" if count > 0 else ""


def _facts(summary: Summary) -> Iterator[tuple[str, str]]:
    many = report.units(summary)
    yield f"failed of {many}", f"{number(summary.failed)} of {number(summary.failed + summary.passed)}"
    if summary.rate is not None and summary.interval is not None:
        yield "failure rate", rate_with_interval(summary.rate, summary.interval)
    planned = f" of {number(summary.planned)} planned" if summary.planned not in (None, summary.total) else ""
    yield many, f"{number(summary.total)}{planned}"
    yield "time", duration(summary.elapsed)
    if summary.trials_per_second is not None:
        yield "speed", f"{speed(summary.trials_per_second)} {many} a second"
    if summary.durations is not None:
        low, high = short_duration(summary.durations.median), short_duration(summary.durations.p95)
        yield "duration", f"median {low}, 95% of the {many} within {high}"
    if summary.stopped is not None:
        yield "ended", name_shown(summary.stopped)


def _tests(summary: Summary) -> list[PageTable]:
    """Those that failed first; nothing for a single one."""
    if len(summary.items) < 2:
        return []
    intervals = [item.interval for item in summary.items if item.interval is not None]
    shown = sorted(summary.items, key=lambda item: (-item.failed, item.passed > 0))[:_ITEMS]
    sure = confidence(intervals[0]) if intervals else "95% interval"
    rows = [
        (
            item.item,
            (str(item.verdict), _TONES.get(item.verdict, "warn")),
            f"{number(item.failed)} of {number(item.failed + item.passed)}",
            bounds(item.rate or 0.0, item.interval),
        )
        for item in shown
    ]
    heads = ("test", "verdict", "failed", f"rate, {sure}")
    return [PageTable("Tests", heads, rows, (2, 3), _more(len(summary.items) - len(shown), "more test"))]


def _kinds(summary: Summary) -> PageSection:
    parts: list[Part] = []
    for place, kind in enumerate(summary.signatures[:_KINDS], 1):
        names = [name_shown(name) for name in list(kind.items)[:_NAMED]]
        rest = len(kind.items) - len(names)
        tests = f"{', '.join(names)}{f' and {number(rest)} more' if rest > 0 else ''}"
        text = text_shown("\n".join(failure_details(kind.example)), _TEXT)
        again = f"flakeproof replay {report.run_name(summary)} {kind.example.trial}"
        inner: list[Part] = [PageWords([tests], is_quiet=True)] if tests else []
        inner += [PageText(f"Kind {place}", text)] if text else []
        inner.append(PageCommand("Again:", again))
        parts.append(
            PageFold(f"Kind {place}", f"{number(kind.count)} × {kind.example.message}", inner, is_open=place == 1)
        )
    if more := _more(len(summary.signatures) - _KINDS, "more kind", "more kinds"):
        parts.append(PageWords([more], is_quiet=True))
    return PageSection("Kinds of failure", parts)


def _charts(summary: Summary, trace: RunTrace) -> Iterator[PageSection]:
    looks = _looks(trace)
    if len(looks) > 1:
        yield PageSection("Failure rate, as it became known", [_rate_chart(summary, trace, looks)])
    if trace.places:
        yield PageSection("Where it failed", [_places_chart(summary, trace)])
    if trace.passed or trace.failed:
        yield PageSection("How long they took", [_durations_chart(trace)])


def _looks(trace: RunTrace) -> list[dict[str, float]]:
    """The rate and the interval that holds at every moment, at moments along the run, evenly spread."""
    if not trace.points:
        return []
    last = trace.points[-1][0]
    step = max(1, last // _LOOKS)
    moments: list[tuple[int, int]] = []
    before, due = (0, 0), 1
    for trials, failures in trace.points:
        if failures == before[1]:  # a batch of passes, one after the other: every moment in it is known
            moments += [(at, failures) for at in range(max(due, before[0] + 1), trials, step)]
            due = moments[-1][0] + step if moments else due
        if trials >= due or trials == last:
            moments.append((trials, failures))
            due = trials + step
        before = (trials, failures)
    found: list[dict[str, float]] = []
    for trials, failures in moments:
        interval = robbins(failures, trials)
        found.append({"trials": trials, "rate": failures / trials, "low": interval.low, "high": interval.high})
    return found


def _rate_chart(summary: Summary, trace: RunTrace, looks: Sequence[dict[str, float]]) -> PageChart:
    question = trace.spec.question if trace.spec is not None else None
    threshold = question.rate if question is not None else None
    end = looks[-1]
    asked = f" The broken line is the rate asked about, {share(threshold)}." if threshold is not None else ""
    every = looks[:: max(1, len(looks) // 12)]
    return PageChart(
        charts.rate_over_trials(looks, threshold=threshold, what=report.units(summary)),
        f"The rate after so many {report.units(summary)}, and the 95% interval that holds at every moment, wider than "
        f"one for the end alone; at the end {_shown(end['rate'])}, from {lower(end['low'])} to "
        f"{upper(end['high'])}.{asked}",
        (report.units(summary), "rate", "low", "high"),
        [(number(one["trials"]), _shown(one["rate"]), lower(one["low"]), upper(one["high"])) for one in every],
    )


def _shown(rate: float) -> str:
    return share(rate, exact_zero=rate == 0, exact_one=rate == 1)


def _places_chart(summary: Summary, trace: RunTrace) -> PageChart:
    names = {kind.signature: f"kind {place}" for place, kind in enumerate(summary.signatures[:_COLOURS], 1)}
    if len(summary.signatures) > _COLOURS:
        names = dict(list(names.items())[: _COLOURS - 1])
    binned = sorted(trace.binned().items(), key=lambda one: -one[1])[:_MOST_PLACES]
    rows = [
        {"trial": trial, "process": process, "count": count, "kind": names.get(signature, "other kinds")}
        for (trial, process, signature), count in binned
    ]
    by_process: dict[int, int] = {}
    for _, process, _ in trace.places:
        by_process[process] = by_process.get(process, 0) + 1
    left = summary.failed - len(trace.places)
    partly = f" Of {number(left)} more failures the record has only the number." if left > 0 else ""
    worst = sorted(by_process.items(), key=lambda one: (-one[1], one[0]))[:20]
    return PageChart(
        charts.failures_by_place(rows, trials=max(trace.highest, summary.total), what=report.unit(summary)),
        f"Each circle is a failure, a larger one several that are near each other: in the order of the "
        f"{report.units(summary)}, by the process in which they ran. "
        f"{plural(len(by_process), 'process', 'processes')} had failures.{partly}",
        ("process", "failures"),
        [(str(process), number(count)) for process, count in worst],
    )


def _durations_chart(trace: RunTrace) -> PageChart:
    lows = [min(counts) for counts in (trace.passed, trace.failed) if counts]
    highs = [max(counts) for counts in (trace.passed, trace.failed) if counts]
    width = max(1, -(-(max(highs) - min(lows) + 1) // _BINS))
    # By thousandths where all are short: an axis whose labels say `10m` would leave open whether that is minutes.
    unit, factor = ("milliseconds", 1e3) if RATIO ** max(highs) < 1e9 else ("seconds", 1.0)
    rows, table = [], []
    for name, counts in (("passed", trace.passed), ("failed", trace.failed)):
        total = counts.total()
        bins: dict[int, int] = {}
        for bucket, count in counts.items():
            bins[(bucket - min(lows)) // width] = bins.get((bucket - min(lows)) // width, 0) + count
        for place, count in sorted(bins.items()):
            low = RATIO ** (min(lows) + place * width - 1) / 1e9
            high = RATIO ** (min(lows) + (place + 1) * width - 1) / 1e9
            rows.append({"low": factor * low, "high": factor * high, "share": count / total, "outcome": name})
            table.append((name, f"{short_duration(low)} to {short_duration(high)}", number(count)))
    both = "Passes and failures" if trace.passed and trace.failed else "Passes" if trace.passed else "Failures"
    return PageChart(
        charts.durations(rows, unit),
        f"{both} by their duration, on a logarithmic scale; each outcome adds up to 100%.",
        ("outcome", "duration", "times"),
        table,
    )
