"""What each page of the history shows: from a snapshot and the words of an address to what a template needs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from flakeproof.features.dashboard import charts
from flakeproof.features.dashboard.snapshot import HistorySnapshot, SeenSignature
from flakeproof.features.dashboard.timeline import rate_bins, red_bins
from flakeproof.features.history import report
from flakeproof.features.history.cells import moment_text
from flakeproof.features.history.loading import KeptFailure
from flakeproof.features.history.ranking import JOBS, RUNS
from flakeproof.features.history.records import ClusterOfTests, HistoryVerdict, RankedTest
from flakeproof.reports.pages.page import name_shown, text_shown
from flakeproof.reports.rates import bounds
from flakeproof.text import duration, lower, number, percent, plural, share, shortened, upper, whole_duration

PAGE = 50
"""Rows of a list that are shown at once."""
_FEW = 10
_LIKELY = 25
_COMMIT = 12
_LONG_COMMAND = 300
_TEXT = 20_000
_CLUSTER_JOBS = 150
_TONES = {HistoryVerdict.FLAKY: "bad", HistoryVerdict.BROKEN: "bad", HistoryVerdict.WAS_BROKEN: "good"}
_SHOWN: Mapping[str, tuple[str, tuple[HistoryVerdict, ...]]] = {
    "": ("flaky or broken", (HistoryVerdict.FLAKY, HistoryVerdict.BROKEN)),
    "was-broken": ("was broken", (HistoryVerdict.WAS_BROKEN,)),
    "unclear": ("failed too rarely to tell", (HistoryVerdict.UNCLEAR,)),
    "all": ("all that have failed", tuple(HistoryVerdict)),
}


class NoSuchPageError(Exception):
    """Nothing is at this address; the message says what was looked for."""


Shown = dict[str, Any]


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
    matching = [row for row in told.rows if _matches(row.test, wanted)]
    lists = [
        {
            "name": title,
            "count": number(sum(row.verdict in verdicts for row in matching)),
            "address": _address("/", q=wanted, show=key),
            "is_here": key == show,
        }
        for key, (title, verdicts) in _SHOWN.items()
    ]
    rows = [row for row in matching if row.verdict in _SHOWN[show][1]]
    quiet = [name for name in history.quiet_names if _matches(name, wanted)] if wanted.split() else []
    shown, pager = paged(rows, query, _address("/", q=wanted, show=show))
    is_first = not wanted and not show and pager["page"] == 1
    return {
        "closing": report.closing(told),
        "tone": "bad" if any(row.verdict in _SHOWN[""][1] for row in told.rows) else "good",
        "facts": list(_overview_facts(history)),
        "wanted": wanted,
        "show": show,
        "lists": lists,
        "rows": [_row(history, row) for row in shown],
        "pager": pager,
        "quiet": [_test(history, name) for name in quiet[:PAGE]],
        "quiet_count": number(len(quiet)),
        "chart": _red_chart(history) if is_first else None,
        "clusters": [_cluster(history, one) for one in told.clusters[:_FEW]] if is_first else [],
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
        "tone": _TONES.get(row.verdict, "warn") if row is not None else "warn",
        "closing": _closing(history, found, row, len(failures)),
        "next": text_shown(row.next, _TEXT) if row is not None else "",
        "facts": list(_test_facts(row)) if row is not None else [],
        "changes": [report.move_in_words(move) for move in row.moves] if row is not None else [],
        "spans": [report.span_in_words(span) for span in row.broken] if row is not None else [],
        "chart": _rate_chart(history, row) if row is not None else None,
        "signatures": [{**_signature_link(history, text), "count": number(n)} for text, n in signatures.items()],
        "together": [_test(history, other) for other in several if other != name][:PAGE],
        "cluster": _cluster(history, cluster) if cluster is not None else None,
        "failures": [_failure(history, found, one) for one in shown],
        "pager": pager,
    }


def signatures(history: HistorySnapshot, query: Mapping[str, str]) -> Shown:
    """All kinds of failure, those of most tests first."""
    wanted = query.get("q", "")[:200]
    found = [(key, seen) for key, seen in history.signatures.items() if _matches(seen.text, wanted)]
    shown, pager = paged(found, query, _address("/signatures", q=wanted))
    return {"rows": [_signature(key, seen) for key, seen in shown], "pager": pager, "wanted": wanted}


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
        "first": _day(history, seen.places[0]),
        "last": _day(history, seen.places[-1]),
        "job_count": number(len(places)),
        "test_count": number(len(tests)),
        "tests": [{**_test(history, history.names[one]), "count": number(count)} for one, count in shown],
        "pager": pager,
        "jobs": [_job(history, place) for place in places[:PAGE]],
        "more_jobs": number(len(places) - PAGE) if len(places) > PAGE else "",
    }


def clusters(history: HistorySnapshot, query: Mapping[str, str]) -> Shown:
    """All groups of tests that fail together."""
    shown, pager = paged(history.report.clusters, query, "/clusters")
    return {"rows": [_cluster(history, one) for one in shown], "pager": pager}


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
        **_cluster(history, found),
        "chart": _chart(
            "Which of them failed in which job",
            charts.who_failed_when([sorted(failed[place]) for place in recent], len(numbers)),
            f"Each column is a job in which at least one of them failed, each circle a test that did.{left_out}",
        ),
        "rows": [_row(history, row) for row in rows],
        "failed_jobs": [
            {**_job(history, place), "count": f"{len(failed[place])} of {len(numbers)}"}
            for place in places[::-1][:PAGE]
        ],
    }


def jobs(history: HistorySnapshot, query: Mapping[str, str]) -> Shown:
    """The jobs, newest first; with `red`, those in which a test failed."""
    only_red = query.get("red", "") == "1"
    places = [place for place in range(len(history.kept.jobs) - 1, -1, -1) if not only_red or place in history.red]
    shown, pager = paged(places, query, _address("/jobs", red="1" if only_red else ""))
    return {
        "rows": [_job(history, place) for place in shown],
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
        ("started", _moment(one.started)),
        ("commit", one.commit),
        ("branch", one.branch),
        ("job", one.name),
        ("machine", one.machine),
        ("tests", number(tests) + (f", {number(one.trials)} times each" if one.trials > 1 else "")),
        ("time of its tests", whole_duration(one.seconds)),
        ("from", one.path),
    ]
    return {
        **_job(history, place),
        "facts": [(name, name_shown(text)) for name, text in facts if text],
        "closing": f"{plural(len(failures), 'test')} of {number(tests)} did not simply pass"
        if failures
        else "all passed",
        "note": ""
        if history.is_counted(place)
        else "It counts for no rate: its tests were run under perturbations."
        if one.is_provoked
        else "It counts for no rate: it was a bad day.",
        "failures": [_failure(history, found, failure) for found, failure in shown],
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
        yield f"only {name}", _moment(float(value)) if name == "since" else name_shown(value)


def _row(history: HistorySnapshot, row: RankedTest) -> Shown:
    many = "jobs" if row.source == "jobs" else "runs"
    return {
        **_test(history, row.test),
        "verdict": str(row.verdict),
        "tone": f"is-{_TONES.get(row.verdict, 'warn')}",
        "failed": f"{number(row.failures)} of {number(row.runs)} {many}" if row.failures else "",
        "rate": bounds(row.rate, row.interval) if row.failures else "",
        "cost": whole_duration(row.cost) if row.cost >= 1 else "",
        "last": row.last_failure[:10],
        "change": report.move_in_words(row.moves[-1]) if row.moves else _broken(row),
        "next": row.next if len(row.next) <= _LONG_COMMAND else "",
    }


def _broken(row: RankedTest) -> str:
    return report.span_in_words(row.broken[-1]) if row.broken else ""


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
    told = _broken(row)
    return f"{told}; otherwise {seen}" if row.failures else told


def _rate_chart(history: HistorySnapshot, row: RankedTest) -> Shown | None:
    bins = rate_bins(history, row)
    if len(bins) < 2:
        return None
    source = JOBS if row.source == "jobs" else RUNS
    svg = charts.rate_over_time(bins, row, history.started_of_commits(source))
    moved = (
        " The broken line is where it changed, likeliest; around it the commits it can have come with."
        if row.moves
        else ""
    )
    broken = " Shaded to the full height: when it was broken, which counts for no rate." if row.broken else ""
    return _chart(
        "Failure rate over time",
        svg,
        f"Each stretch of time by itself: the rate seen in it, and its 95% interval.{moved}{broken}",
        ("from", "failed", "rate", "95% interval"),
        [
            (
                _moment(one.start),
                f"{number(one.failures)} of {number(one.runs)}",
                percent(one.failures, one.runs),
                f"{lower(one.low)} to {upper(one.high)}",
            )
            for one in bins
        ],
    )


def _red_chart(history: HistorySnapshot) -> Shown | None:
    bins = red_bins(history)
    if len(bins) < 2:
        return None
    return _chart(
        "Red jobs over time",
        charts.red_jobs(bins),
        "The share of jobs that were red: only because of tests that are flaky or broken now, or of others, too.",
        ("from", "jobs", "red because of them alone", "red because of others, too"),
        [
            (
                _moment(one.start),
                number(one.jobs),
                f"{number(one.by_known)} ({percent(one.by_known, one.jobs)})",
                f"{number(one.by_others)} ({percent(one.by_others, one.jobs)})",
            )
            for one in bins
        ],
    )


def _chart(title: str, svg: Any, caption: str, heads: Sequence[str] = (), rows: Sequence[Any] = ()) -> Shown:
    return {"title": title, "svg": svg, "caption": caption, "heads": heads, "rows": rows}


def _test(history: HistorySnapshot, name: str) -> Shown:
    return {"name": name, "address": f"/test/{history.key_of(name)}"}


def _cluster(history: HistorySnapshot, one: ClusterOfTests) -> Shown:
    return {
        "address": f"/cluster/{history.key_of(one.tests[0])}",
        "count": number(len(one.tests)),
        "told": f"in {number(one.jobs)} of the {number(one.any_jobs)} jobs in which one of them failed",
        "shared": [name_shown(text) for text in one.shared],
        "tests": [_test(history, name) for name in one.tests[: _FEW // 2]],
        "more": len(one.tests) - _FEW // 2,
        "similarity": share(one.similarity, 0, exact_one=one.similarity == 1),
    }


def _signature(key: str, seen: SeenSignature) -> Shown:
    return {
        "text": seen.text,
        "address": f"/signature/{key}",
        "tests": number(len(seen.tests)),
        "failures": number(seen.failures),
        "jobs": number(len(seen.places)),
    }


def _several(history: HistorySnapshot) -> Sequence[Shown]:
    found: list[Shown] = []
    for key, seen in history.signatures.items():
        if len(seen.tests) < 2 or len(found) >= _FEW:  # they stand in the order of their tests
            break
        found.append(_signature(key, seen))
    return found


def _signature_link(history: HistorySnapshot, text: str) -> Shown:
    return {"signature": text, "signature_address": f"/signature/{history.key_of(text)}" if text else ""}


def _failure(history: HistorySnapshot, found: int, one: KeptFailure) -> Shown:
    several = f"{number(one.failures)} of {number(one.trials)}" if one.trials > 1 else "failed"
    return {
        **_test(history, history.names[found]),
        **_signature_link(history, one.signature),
        "job": _job(history, one.job),
        "how": "failed, then passed" if one.passed_later else several,
        "seconds": duration(one.seconds) if one.seconds else "",
    }


def _job(history: HistorySnapshot, place: int) -> Shown:
    one = history.kept.jobs[place]
    failed = sum(failure.failures > 0 for _, failure in history.failed_in.get(place, ()))
    return {
        "address": f"/job/{history.job_keys[place]}",
        "started": _moment(one.started),
        "commit": shortened(one.commit, _COMMIT + 1)[:_COMMIT],
        "name": one.name or ("run of flakeproof" if one.source == RUNS else "job"),
        "machine": one.machine,
        "branch": one.branch,
        "failed": number(failed),
        "tests": number(len(history.kept.rosters[one.roster])),
        "is_red": place in history.red,
        "run": one.path.rstrip("/").rpartition("/")[2] if one.source == RUNS else "",
    }


def _bad_days(history: HistorySnapshot) -> Iterator[Shown]:
    for day in history.report.bad_days[:_FEW]:
        yield {
            "day": day.day,
            "where": name_shown(" on ".join(filter(None, (day.job, day.machine)))),
            "told": f"{number(day.failures)} tests failed that fail nowhere else, {day.expected:.1f} expected, "
            f"in {plural(day.jobs, 'job')}",
        }


def _day(history: HistorySnapshot, place: int) -> str:
    return moment_text(history.kept.jobs[place].started)[:10]


def _moment(seconds: float) -> str:
    text = moment_text(seconds)
    return f"{text[:10]} {text[11:16]}"


def _matches(text: str, wanted: str) -> bool:
    """Whether each of the words is in it, whatever their case."""
    low = text.lower()
    return all(word in low for word in wanted.lower().split())


def _address(path: str, **words: str) -> str:
    given = {name: word for name, word in words.items() if word}
    return f"{path}?{urlencode(given, errors='replace')}" if given else path


def paged(rows: Sequence[Any], query: Mapping[str, str], address: str) -> tuple[Sequence[Any], Shown]:
    """The rows of the page that is asked for, and what leads to the others. Raises NoSuchPageError."""
    pages = max(1, -(-len(rows) // PAGE))
    text = query.get("page", "1")
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= pages):
        raise NoSuchPageError(f"this list has {plural(pages, 'page')}, and none of them is the one asked for")
    page = int(text)
    join = "&" if "?" in address else "?"
    return rows[(page - 1) * PAGE : page * PAGE], {
        "page": page,
        "pages": pages,
        "count": number(len(rows)),
        "first": number((page - 1) * PAGE + 1),
        "last": number(min(len(rows), page * PAGE)),
        "before": f"{address}{join}page={page - 1}" if page > 1 else "",
        "after": f"{address}{join}page={page + 1}" if page < pages else "",
    }
