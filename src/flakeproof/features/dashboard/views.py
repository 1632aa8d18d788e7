"""What each page of the history shows: from a snapshot and the words of an address to what a template needs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from flakeproof.features.dashboard import charts
from flakeproof.features.dashboard.figures import figure, rate_figure, red_figure
from flakeproof.features.dashboard.links import (
    TONES,
    broken_in_words,
    cluster_link,
    day_of_job,
    failure_seen,
    job_link,
    moment_shown,
    ranked,
    signature_link,
    signature_of,
    test_link,
)
from flakeproof.features.dashboard.lists import PAGE, NoSuchPageError, Shown, address_of, matches, paged
from flakeproof.features.dashboard.snapshot import HistorySnapshot
from flakeproof.features.history import report
from flakeproof.features.history.ranking import JOBS
from flakeproof.features.history.records import HistoryVerdict, RankedTest
from flakeproof.reports.pages.page import name_shown, text_shown
from flakeproof.reports.rates import bounds
from flakeproof.text import number, percent, plural, upper, whole_duration

_FEW = 10
_LIKELY = 25
_TEXT = 20_000
_CLUSTER_JOBS = 150
_SHOWN: Mapping[str, tuple[str, tuple[HistoryVerdict, ...]]] = {
    "": ("flaky or broken", (HistoryVerdict.FLAKY, HistoryVerdict.BROKEN)),
    "was-broken": ("was broken", (HistoryVerdict.WAS_BROKEN,)),
    "unclear": ("failed too rarely to tell", (HistoryVerdict.UNCLEAR,)),
    "all": ("all that have failed", tuple(HistoryVerdict)),
}


def likely(history: HistorySnapshot) -> Iterator[Callable[[], Shown]]:
    """What makes the pages that are asked for most, so that their charts are drawn before."""
    yield lambda: overview(history, {})
    rows = [row for row in history.report.rows if row.verdict in _SHOWN[""][1]]
    for row in rows[:_LIKELY]:
        yield partial(test, history, history.key_of(row.test), {})
    for one in history.report.clusters[:_FEW]:
        yield partial(cluster, history, history.key_of(one.tests[0]))


def overview(history: HistorySnapshot, query: Mapping[str, str]) -> Shown:
    """The ranking, and what its tests have in common."""
    told, wanted, show = history.report, query.get("q", "")[:200], query.get("show", "")
    if show not in _SHOWN:
        raise NoSuchPageError("there is no list of that name")
    matching = [row for row in told.rows if matches(row.test, wanted)]
    lists = [
        {
            "name": title,
            "count": number(sum(row.verdict in verdicts for row in matching)),
            "address": address_of("/", q=wanted, show=key),
            "is_here": key == show,
        }
        for key, (title, verdicts) in _SHOWN.items()
    ]
    rows = [row for row in matching if row.verdict in _SHOWN[show][1]]
    quiet = [name for name in history.quiet_names if matches(name, wanted)] if wanted.split() else []
    shown, pager = paged(rows, query, address_of("/", q=wanted, show=show))
    is_first = not wanted and not show and pager["page"] == 1
    return {
        "closing": report.closing(told),
        "tone": "bad" if any(row.verdict in _SHOWN[""][1] for row in told.rows) else "good",
        "facts": list(_overview_facts(history)),
        "wanted": wanted,
        "show": show,
        "lists": lists,
        "rows": [ranked(history, row) for row in shown],
        "pager": pager,
        "quiet": [test_link(history, name) for name in quiet[:PAGE]],
        "quiet_count": number(len(quiet)),
        "chart": red_figure(history) if is_first else None,
        "clusters": [cluster_link(history, one) for one in told.clusters[:_FEW]] if is_first else [],
        "cluster_count": len(told.clusters),
        "signatures": _several(history)[:_FEW] if is_first else [],
        "bad_days": list(_bad_days(history)) if is_first else [],
        "notes": told.notes if is_first else [],
    }


def test(history: HistorySnapshot, key: str, query: Mapping[str, str]) -> Shown:
    """A test: its rate along the time, its changes, how it fails, in which jobs, and the command that takes it on."""
    if (found := history.numbers.get(key)) is None:
        raise NoSuchPageError("the history has no such test")
    name = history.names[found]
    row = history.row(name)
    failures = [one for one in history.kept.failures.get(found, []) if one.failures or one.passed_later][::-1]
    shown, pager = paged(failures, query, f"/test/{key}")
    cluster = history.clusters.get(key)
    several = cluster.tests if cluster is not None else []
    signatures = row.signatures if row is not None else {}
    return {
        "name": name,
        "is_long": len(name) > 200,
        "whole_name": text_shown(name, _TEXT),
        "verdict": str(row.verdict) if row is not None else "has no rate",
        "tone": TONES.get(row.verdict, "warn") if row is not None else "warn",
        "closing": _closing(history, found, row, len(failures)),
        "next": text_shown(row.next, _TEXT) if row is not None else "",
        "facts": list(_test_facts(row)) if row is not None else [],
        "changes": [report.move_in_words(move) for move in row.moves] if row is not None else [],
        "spans": [report.span_in_words(span) for span in row.broken] if row is not None else [],
        "chart": rate_figure(history, row) if row is not None else None,
        "signatures": [{**signature_of(history, text), "count": number(n)} for text, n in signatures.items()],
        "together": [test_link(history, other) for other in several if other != name][:PAGE],
        "cluster": cluster_link(history, cluster) if cluster is not None else None,
        "failures": [failure_seen(history, found, one) for one in shown],
        "pager": pager,
    }


def signatures(history: HistorySnapshot, query: Mapping[str, str]) -> Shown:
    """All kinds of failure, those of most tests first."""
    wanted = query.get("q", "")[:200]
    found = [(key, seen) for key, seen in history.signatures.items() if matches(seen.text, wanted)]
    shown, pager = paged(found, query, address_of("/signatures", q=wanted))
    return {"rows": [signature_link(key, seen) for key, seen in shown], "pager": pager, "wanted": wanted}


def signature(history: HistorySnapshot, key: str, query: Mapping[str, str]) -> Shown:
    """A kind of failure: its tests, and the jobs in which it was seen."""
    if (seen := history.signatures.get(key)) is None:
        raise NoSuchPageError("the history has no such signature")
    tests = seen.tests.most_common()
    shown, pager = paged(tests, query, f"/signature/{key}")
    places = seen.places[::-1]
    return {
        "text": text_shown(seen.text, _TEXT),
        "title": seen.text,
        "failures": number(seen.failures),
        "first": day_of_job(history, seen.places[0]),
        "last": day_of_job(history, seen.places[-1]),
        "job_count": number(len(places)),
        "test_count": number(len(tests)),
        "tests": [{**test_link(history, history.names[one]), "count": number(count)} for one, count in shown],
        "pager": pager,
        "jobs": [job_link(history, place) for place in places[:PAGE]],
        "more_jobs": number(len(places) - PAGE) if len(places) > PAGE else "",
    }


def clusters(history: HistorySnapshot, query: Mapping[str, str]) -> Shown:
    """All groups of tests that fail together."""
    shown, pager = paged(history.report.clusters, query, "/clusters")
    return {"rows": [cluster_link(history, one) for one in shown], "pager": pager}


def cluster(history: HistorySnapshot, key: str) -> Shown:
    """The tests that fail together with the one that `key` names, which may be any of them."""
    if (found := history.clusters.get(key)) is None:
        raise NoSuchPageError("no tests fail together with that one")
    numbers = [history.numbers[history.key_of(name)] for name in found.tests]
    failed: dict[int, set[int]] = {}
    for at, one in enumerate(numbers, 1):
        for failure in history.kept.failures.get(one, ()):
            if failure.failures and history.is_counted(failure.job):
                failed.setdefault(failure.job, set()).add(at)
    places = sorted(failed)
    recent = places[-_CLUSTER_JOBS:]
    left_out = f" The newest {_CLUSTER_JOBS} of {len(places)} jobs." if len(places) > len(recent) else ""
    rows = [row for name in found.tests if (row := history.row(name)) is not None]
    return {
        **cluster_link(history, found),
        "chart": figure(
            "Which of them failed in which job",
            charts.who_failed_when([sorted(failed[place]) for place in recent], len(numbers)),
            f"Each column is a job in which at least one of them failed, each circle a test that did.{left_out}",
        ),
        "rows": [ranked(history, row) for row in rows],
        "failed_jobs": [
            {**job_link(history, place), "count": f"{len(failed[place])} of {len(numbers)}"}
            for place in places[::-1][:PAGE]
        ],
    }


def jobs(history: HistorySnapshot, query: Mapping[str, str]) -> Shown:
    """The jobs, newest first; with `red`, those in which a test failed."""
    only_red = query.get("red", "") == "1"
    places = [place for place in range(len(history.kept.jobs) - 1, -1, -1) if not only_red or place in history.red]
    shown, pager = paged(places, query, address_of("/jobs", red="1" if only_red else ""))
    return {
        "rows": [job_link(history, place) for place in shown],
        "pager": pager,
        "only_red": only_red,
        "red_count": number(len(history.red)),
        "count": number(len(history.kept.jobs)),
    }


def job(history: HistorySnapshot, key: str, query: Mapping[str, str]) -> Shown:
    """A job: what is known of it, and what failed in it."""
    if (place := history.jobs.get(key)) is None:
        raise NoSuchPageError("the history has no such job")
    one = history.kept.jobs[place]
    failures = sorted(history.failed_in.get(place, ()), key=lambda failed: history.names[failed[0]])
    failures = [(found, failure) for found, failure in failures if failure.failures or failure.passed_later]
    shown, pager = paged(failures, query, f"/job/{key}")
    tests = len(history.kept.rosters[one.roster])
    facts = [
        ("started", moment_shown(one.started)),
        ("commit", one.commit),
        ("branch", one.branch),
        ("job", one.name),
        ("machine", one.machine),
        ("tests", number(tests) + (f", {number(one.trials)} times each" if one.trials > 1 else "")),
        ("time of its tests", whole_duration(one.seconds)),
        ("from", one.path),
    ]
    return {
        **job_link(history, place),
        "facts": [(name, name_shown(text)) for name, text in facts if text],
        "closing": f"{plural(len(failures), 'test')} of {number(tests)} did not simply pass"
        if failures
        else "all passed",
        "note": ""
        if history.is_counted(place)
        else "It counts for no rate: its tests were run under perturbations."
        if one.is_provoked
        else "It counts for no rate: it was a bad day.",
        "failures": [failure_seen(history, found, failure) for found, failure in shown],
        "pager": pager,
    }


def _overview_facts(history: HistorySnapshot) -> Iterator[tuple[str, str]]:
    told = history.report
    if told.jobs:
        yield "jobs", number(told.jobs)
        red = sum(history.kept.jobs[place].source == JOBS for place in history.red)
        yield "red jobs", f"{number(red)} ({percent(red, told.jobs)})"
    if told.runs:
        yield "runs of flakeproof", number(told.runs)
    yield "results", number(told.results)
    yield "tests", number(told.tests)
    if told.commits:
        yield "commits", number(told.commits)
    yield "from", f"{told.since[:10]} to {told.until[:10]}"
    for name, value in told.filters.items():
        yield f"only {name}", moment_shown(float(value)) if name == "since" else name_shown(value)


def _test_facts(row: RankedTest) -> Iterator[tuple[str, str]]:
    if row.failures:
        many = "jobs" if row.source == "jobs" else "runs of flakeproof"
        yield f"failed, of {many}", f"{number(row.failures)} of {number(row.runs)}"
        yield f"rate, {100 * row.interval.confidence:g}% interval", bounds(row.rate, row.interval)
    if row.cost >= 1:
        yield "cost, of red jobs", whole_duration(row.cost)
    yield "failed last", f"{row.last_failure[:10]} {row.last_failure[11:16]} UTC"
    if row.same_commit:
        yield "failed and passed at", plural(row.same_commit, "same commit", "same commits")
    if row.passed_on_retry:
        yield "passed on retry", plural(row.passed_on_retry, "time")
    if row.own_runs:
        yield "in runs of flakeproof", f"{number(row.own_failures)} of {number(row.own_runs)}"
    if row.provoked_failures:
        yield "under perturbations", plural(row.provoked_failures, "failure")
    yield f"chance that “{row.verdict}” is wrong", f"{upper(max(row.error, 1e-4))} at most"


def _closing(history: HistorySnapshot, found: int, row: RankedTest | None, failures: int) -> str:
    if row is None:
        runs = plural(history.runs_of(found), "run")
        if not failures:
            return f"it has never failed, in {runs}"
        return f"it has failed only on bad days or under perturbations, which count for no rate, in {runs}"
    many = "jobs" if row.source == "jobs" else "runs"
    seen = f"failed {number(row.failures)} of {number(row.runs)} {many}, {bounds(row.rate, row.interval)}"
    if row.verdict is HistoryVerdict.FLAKY or not row.broken:
        return seen
    told = broken_in_words(row)
    return f"{told}; otherwise {seen}" if row.failures else told


def _several(history: HistorySnapshot) -> Sequence[Shown]:
    found: list[Shown] = []
    for key, seen in history.signatures.items():
        if len(seen.tests) < 2 or len(found) >= _FEW:  # they stand in the order of their tests
            break
        found.append(signature_link(key, seen))
    return found


def _bad_days(history: HistorySnapshot) -> Iterator[Shown]:
    for day in history.report.bad_days[:_FEW]:
        yield {
            "day": day.day,
            "where": name_shown(" on ".join(filter(None, (day.job, day.machine)))),
            "told": f"{number(day.failures)} tests failed that fail nowhere else, {day.expected:.1f} expected, "
            f"in {plural(day.jobs, 'job')}",
        }
