"""How tests, failures, jobs and what they have in common stand on the pages of others, with the way to their own."""

from flakeproof.features.dashboard.lists import Shown
from flakeproof.features.dashboard.snapshot import HistorySnapshot, SeenSignature
from flakeproof.features.history import report
from flakeproof.features.history.cells import moment_text
from flakeproof.features.history.loading import KeptFailure
from flakeproof.features.history.ranking import RUNS
from flakeproof.features.history.records import ClusterOfTests, HistoryVerdict, RankedTest
from flakeproof.reports.pages.page import name_shown
from flakeproof.reports.rates import bounds
from flakeproof.text import duration, number, share, shortened, whole_duration

TONES = {HistoryVerdict.FLAKY: "bad", HistoryVerdict.BROKEN: "bad", HistoryVerdict.WAS_BROKEN: "good"}
_COMMIT = 12
_LONG_COMMAND = 300
_NAMED = 5


def ranked(history: HistorySnapshot, row: RankedTest) -> Shown:
    """A test of the ranking, as a row of a list."""
    many = "jobs" if row.source == "jobs" else "runs"
    return {
        **test_link(history, row.test),
        "verdict": str(row.verdict),
        "tone": f"is-{TONES.get(row.verdict, 'warn')}",
        "failed": f"{number(row.failures)} of {number(row.runs)} {many}" if row.failures else "",
        "rate": bounds(row.rate, row.interval) if row.failures else "",
        "cost": whole_duration(row.cost) if row.cost >= 1 else "",
        "last": row.last_failure[:10],
        "change": report.move_in_words(row.moves[-1]) if row.moves else broken_in_words(row),
        "next": row.next if len(row.next) <= _LONG_COMMAND else "",
    }


def broken_in_words(row: RankedTest) -> str:
    """When a test was broken last; "" if it never was."""
    return report.span_in_words(row.broken[-1]) if row.broken else ""


def test_link(history: HistorySnapshot, name: str) -> Shown:
    """The name of a test, and its page."""
    return {"name": name, "address": f"/test/{history.key_of(name)}"}


def cluster_link(history: HistorySnapshot, one: ClusterOfTests) -> Shown:
    """Tests that fail together, and their page."""
    return {
        "address": f"/cluster/{history.key_of(one.tests[0])}",
        "count": number(len(one.tests)),
        "told": f"in {number(one.jobs)} of the {number(one.any_jobs)} jobs in which one of them failed",
        "shared": [name_shown(text) for text in one.shared],
        "tests": [test_link(history, name) for name in one.tests[:_NAMED]],
        "more": len(one.tests) - _NAMED,
        "similarity": share(one.similarity, 0, exact_one=one.similarity == 1),
    }


def signature_link(key: str, seen: SeenSignature) -> Shown:
    """A kind of failure, and its page."""
    return {
        "text": seen.text,
        "address": f"/signature/{key}",
        "tests": number(len(seen.tests)),
        "failures": number(seen.failures),
        "jobs": number(len(seen.places)),
    }


def signature_of(history: HistorySnapshot, text: str) -> Shown:
    """The signature of a failure and its page; both are "" where there is none."""
    return {"signature": text, "signature_address": f"/signature/{history.key_of(text)}" if text else ""}


def failure_seen(history: HistorySnapshot, found: int, one: KeptFailure) -> Shown:
    """What a test did in a job in which it did not simply pass."""
    several = f"{number(one.failures)} of {number(one.trials)}" if one.trials > 1 else "failed"
    return {
        **test_link(history, history.names[found]),
        **signature_of(history, one.signature),
        "job": job_link(history, one.job),
        "how": "failed, then passed" if one.passed_later else several,
        "seconds": duration(one.seconds) if one.seconds else "",
    }


def job_link(history: HistorySnapshot, place: int) -> Shown:
    """A job, and its page."""
    one = history.kept.jobs[place]
    failed = sum(failure.failures > 0 for _, failure in history.failed_in.get(place, ()))
    return {
        "address": f"/job/{history.job_keys[place]}",
        "started": moment_shown(one.started),
        "commit": shortened(one.commit, _COMMIT + 1)[:_COMMIT],
        "name": one.name or ("run of flakeproof" if one.source == RUNS else "job"),
        "machine": one.machine,
        "branch": one.branch,
        "failed": number(failed),
        "tests": number(len(history.kept.rosters[one.roster])),
        "is_red": place in history.red,
        "run": one.path.rstrip("/").rpartition("/")[2] if one.source == RUNS else "",
    }


def day_of_job(history: HistorySnapshot, place: int) -> str:
    """The day on which a job was started."""
    return moment_text(history.kept.jobs[place].started)[:10]


def moment_shown(seconds: float) -> str:
    """A moment, in UTC, to the minute."""
    text = moment_text(seconds)
    return f"{text[:10]} {text[11:16]}"
