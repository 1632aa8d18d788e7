"""What the pages of runs show: those that are recorded in this folder, and those that go on."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from flakeproof.errors import FlakeproofError
from flakeproof.features.dashboard.lists import Shown, paged
from flakeproof.features.dashboard.recorded_runs import RecordedRuns, RunNow
from flakeproof.features.dashboard.snapshot import HistorySnapshot
from flakeproof.features.run import report
from flakeproof.reports.details import failure_details
from flakeproof.reports.pages.page import name_shown, text_shown
from flakeproof.reports.rates import bounds, confidence
from flakeproof.results.summary import ItemSummary, SignatureSummary, Summary
from flakeproof.settings.from_options import command_name
from flakeproof.text import duration, number, plural, whole_duration

_KINDS = 10
_ITEMS = 100
_TEXT = 4_000
_TONES = {"stable": "good", "flaky": "bad", "broken": "bad"}


def runs(recorded: RecordedRuns, query: Mapping[str, str]) -> Shown:
    """All runs, newest first; those that go on come first and by themselves."""
    ended = [run for run in recorded.runs if not run.is_running]
    shown, pager = paged(ended, query, "/runs")
    return {
        "runs": running(recorded),
        "rows": [now(run) for run in shown],
        "pager": pager,
        "runs_trouble": recorded.trouble,
    }


def running(recorded: RecordedRuns) -> list[Shown]:
    """Those that go on."""
    return [now(run) for run in recorded.running]


def now(run: RunNow) -> Shown:
    """A run as it is at the moment."""
    left = None
    if run.planned and run.completed and run.elapsed:
        left = max(0.0, (run.planned - run.completed) * run.elapsed / run.completed)
    return {
        "name": run.name,
        "address": f"/run/{run.name}",
        "when": f"{datetime.strptime(run.name[:15], '%Y%m%d-%H%M%S'):%Y-%m-%d %H:%M:%S}",
        "target": run.target or "…",
        "is_running": run.is_running,
        "state": run.state or "not read yet",
        "verdict": run.verdict,
        "tone": _TONES.get(run.verdict, "warn"),
        "has_trials": run.has_trials,
        "completed": number(run.completed),
        "planned": number(run.planned) if run.planned else "",
        "done": run.completed,
        "goal": run.planned or 0,
        "failed": number(run.failed),
        "is_failing": run.failed > 0,
        "rate": run.rate,
        "elapsed": duration(run.elapsed),
        "left": f"about {whole_duration(left)} left" if left is not None and run.is_running else "",
        "latest": run.latest,
    }


def run(recorded: RecordedRuns, found: RunNow, history: HistorySnapshot | None) -> Shown:
    """A run: how far it is or what came out, kinds of failure with the command that runs one again, its tests."""
    told: Shown = {"run": now(found), "summary": None, "closing": "", "kinds": [], "items": [], "facts": []}
    if not found.has_trials:
        return told
    try:
        summary = recorded.summary(found)
    except FlakeproofError:  # it has only just begun
        return told
    return {
        **told,
        "summary": summary,
        "closing": text_shown(report.closing(summary), 2_000) if not found.is_running else "",
        "facts": list(_facts(summary)),
        "kinds": [_kind(summary, kind, place) for place, kind in enumerate(summary.signatures[:_KINDS], 1)],
        "more_kinds": len(summary.signatures) - _KINDS,
        "items": [_item(one, history) for one in _worst(summary)],
        "more_items": len(summary.items) - _ITEMS,
        "confidence": next((confidence(one.interval) for one in summary.items if one.interval is not None), ""),
        "show": f"{command_name()} show {found.name}",
    }


def _facts(summary: Summary) -> Iterator[tuple[str, str]]:
    if summary.rate is not None and summary.interval is not None:
        yield f"rate, {confidence(summary.interval)}", bounds(summary.rate, summary.interval)
    yield "seed", str(summary.seed)
    if summary.trials_per_second:
        yield "speed", f"{summary.trials_per_second:,.3g} {report.units(summary)} a second"


def _worst(summary: Summary) -> list[ItemSummary]:
    if len(summary.items) < 2:
        return []
    return sorted(summary.items, key=lambda item: -item.failed)[:_ITEMS]


def _item(item: ItemSummary, history: HistorySnapshot | None) -> Shown:
    key = history.key_of(item.item) if history is not None else ""
    return {
        "name": item.item,
        "address": f"/test/{key}" if history is not None and key in history.numbers else "",
        "verdict": str(item.verdict),
        "tone": f"is-{_TONES.get(str(item.verdict), 'warn')}",
        "failed": f"{number(item.failed)} of {number(item.failed + item.passed)}",
        "rate": bounds(item.rate or 0.0, item.interval),
    }


def _kind(summary: Summary, kind: SignatureSummary, place: int) -> Shown:
    names = [name_shown(name) for name in list(kind.items)[:3]]
    more = f" and {plural(len(kind.items) - 3, 'more test')}" if len(kind.items) > 3 else ""
    return {
        "label": f"Kind {place}",
        "count": f"{number(kind.count)} ×",
        "message": kind.example.message,
        "tests": ", ".join(names) + more,
        "text": text_shown("\n".join(failure_details(kind.example)), _TEXT),
        "replay": f"{command_name()} replay {report.run_name(summary)} {kind.example.trial}",
    }
