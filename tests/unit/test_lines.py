"""The lines for people, in the form of the original kit."""

import io
from pathlib import Path

import pytest

from flakeproof.events import Progressed, RunEnded, RunStarted, TrialFailed, TrialSkipped, TrialsPassed
from flakeproof.features.run import report
from flakeproof.model import CallableTarget, Failure, Outcome, RunSpec
from flakeproof.reports.details import excerpt, summary_lines
from flakeproof.reports.writer import wants_colour, wants_live
from flakeproof.results.history import History
from flakeproof.results.summary import Summary, summarize

_TARGET = CallableTarget(name="t", module="m", attribute="a", python="p", folder="f")
_MESSAGE = "write failed (local=127.0.0.1:52568, remote=127.0.0.1:46631): [Errno 9] Bad file descriptor"


def _failure(trial: int = 342, **changes: object) -> Failure:
    values: dict[str, object] = {
        "trial": trial,
        "seed": 1,
        "outcome": Outcome.FAILED,
        "message": _MESSAGE,
        "signature": "s",
        "duration": 0.1,
        "process": 0,
    }
    return Failure(**{**values, **changes})  # type: ignore[arg-type]


def _summary(
    passed: int,
    failed: int,
    *,
    count: int | None = None,
    skipped: int = 0,
    elapsed: float = 83.4,
    stopped: str | None = None,
    ci_rate: float | None = None,
) -> Summary:
    history = History()
    planned = count if count is not None or stopped == "the time given is over" else passed + failed + skipped
    spec = RunSpec(target=_TARGET, count=planned, workers=1, processes=1, seed=1, ci_rate=ci_rate)
    history.add(RunStarted(run_id="20260101-000000-1", at="", version="", spec=spec))
    history.add(TrialsPassed(process=0, count=passed, durations=[]))
    for number in range(1, failed + 1):
        # Spread over the run.
        trial = 1 + (number - 1) * (passed + failed) // failed
        history.add(TrialFailed(number=number, failure=_failure(trial)))
    for trial in range(skipped):
        history.add(TrialSkipped(trial=trial, reason=""))
    history.add(RunEnded(elapsed=elapsed, stopped=stopped))
    return summarize(history, "/p/.flakeproof/runs/20260101-000000-1")


def test_progress_has_the_form_of_the_kit() -> None:
    """Count, share, failures, speed, time left."""
    event = Progressed(completed=1000, failed=2, planned=10000, elapsed=8.0, planned_duration=None)

    assert report.progress(event) == (
        "Progress: 1000/10000 completed (10.0%), 2 failures, 125 tests/sec, ~1m12s remaining"
    )


@pytest.mark.parametrize(
    ("completed", "failed", "planned", "elapsed", "shown"),
    [
        (9999, 1, 10000, 10.0, "Progress: 9999/10000 completed (99.99%), 1 failure, 1000 tests/sec, ~0s remaining"),
        (
            1,
            0,
            1_000_000,
            4.0,
            "Progress: 1/1000000 completed (0.0001%), 0 failures, 0.2 tests/sec, ~1111h06m remaining",
        ),
        (50, 0, None, 10.0, "Progress: 50 completed, 0 failures, 5.0 tests/sec"),
        (0, 0, 10, 0.0, "Progress: 0/10 completed (0.0%), 0 failures, 0 tests/sec"),
    ],
)
def test_progress_at_the_edges(completed: int, failed: int, planned: int | None, elapsed: float, shown: str) -> None:
    """Neither the share nor the speed is rounded to what it is not."""
    event = Progressed(completed=completed, failed=failed, planned=planned, elapsed=elapsed, planned_duration=None)

    assert shown == report.progress(event)


def test_a_failure_has_the_form_of_the_kit() -> None:
    """Number, test, message."""
    assert report.failure(1, _failure()) == f"FAILURE #1 on test 342: {_MESSAGE}"


def test_results_have_the_form_of_the_kit() -> None:
    """The block, with an interval for the rate, and how to see the failure again."""
    summary = _summary(9823, 177)

    assert list(report.results(summary)) == [
        "=== Stress Test Results ===",
        "Total tests: 10000",
        "Passed: 9823 (98.23%)",
        "Failed: 177 (1.77%)",
        "Duration: 1m23.4s",
        "Rate: 120 tests/second",
        "Failure rate: 1.77% (95% interval 1.52% to 2.05%)",
        "",
        "1 distinct failure:",
        f"  177 × {_MESSAGE}",
        "      first on test 1 (seed 1)",
        "      again: flakeproof replay 20260101-000000-1 1",
    ]
    assert report.closing(summary) == "Stress test detected 177 failures out of 10000 runs (1.77% failure rate)"


@pytest.mark.parametrize(
    ("summary", "closing"),
    [
        (_summary(10000, 0, ci_rate=0.02), "All 10000 tests passed! (Expected ~200 failures based on CI rate)"),
        (_summary(10000, 0), "All 10000 tests passed!"),
        (_summary(10, 0, ci_rate=0.02), "All 10 tests passed! (Expected ~0.2 failures based on CI rate)"),
        (_summary(99999, 1), "Stress test detected 1 failure out of 100000 runs (0.001% failure rate)"),
        (_summary(1, 99999), "Stress test detected 99999 failures out of 100000 runs (99.999% failure rate)"),
        (_summary(0, 2), "Stress test detected 2 failures out of 2 runs (100.00% failure rate)"),
        (_summary(5, 5, skipped=90), "Stress test detected 5 failures out of 10 runs (50.00% failure rate)"),
        (_summary(0, 0), "No test has run: this run proves nothing"),
        (_summary(0, 0, skipped=3), "All 3 tests were skipped: this run proves nothing"),
        (_summary(7, 0, skipped=3), "7 tests passed, 3 were skipped"),
        (_summary(7, 0, count=10, stopped="interrupted"), "All 7 tests that ran passed, of 10 planned"),
        (_summary(7, 0, stopped="the time given is over"), "All 7 tests passed!"),
    ],
)
def test_the_closing_line_says_what_was_proven(summary: Summary, closing: str) -> None:
    """Only a run that fulfilled its plan has passed; the rate is among the tests that have decided."""
    assert closing == report.closing(summary)


@pytest.mark.parametrize(
    ("summary", "shown"),
    [
        (_summary(1000, 0), "Failure rate: at most 0.30% (95% confidence)"),
        (_summary(0, 3), "Failure rate: at least 29.24% (95% confidence)"),
        (
            _summary(100, 0, count=200, stopped="interrupted"),
            "Failure rate: at most 5.71% (95% confidence)",
        ),
    ],
)
def test_a_rate_comes_with_its_interval(summary: Summary, shown: str) -> None:
    """One that fits how the run ended."""
    assert shown in list(report.results(summary))


def test_a_store_elsewhere_is_part_of_the_command() -> None:
    """An id alone would not find it."""
    summary = _summary(9, 1)
    elsewhere = Summary(
        **{name: getattr(summary, name) for name in summary.__struct_fields__} | {"folder": "/a b/runs/x"}
    )

    assert "      again: flakeproof replay '/a b/runs/x' 1" in list(report.results(elsewhere))


def test_stacks_are_shown_once_and_only_the_users() -> None:
    """A hang writes them into its output as well."""
    stacks = 'Current thread 0x1 (most recent call first):\n  File "/u/t.py", line 12 in hang'
    ours = '  File "/x/flakeproof_worker/process.py", line 1 in serve\n  File "<frozen runpy>", line 88 in _run_code'
    failure = _failure(details={"stacks": stacks}, output=f"hello\n{stacks}\n{ours}\n")

    assert [line.strip() for line in excerpt(failure)] == [*(line.strip() for line in stacks.splitlines()), "hello"]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "is_terminal", "live", "colour"),
    [
        ({"TERM": "xterm"}, True, True, True),
        ({"TERM": "xterm"}, False, False, False),
        ({"TERM": "dumb"}, True, False, False),
        ({}, True, False, False),
        ({"TERM": "xterm", "CI": "true"}, True, False, True),
        ({"TERM": "xterm", "CI": "false"}, True, True, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, True, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True, True),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, False, False, True),
        ({"TERM": "xterm", "FORCE_COLOR": "0"}, True, True, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False, False),
    ],
)
def test_display_and_colours(environment: dict[str, str], is_terminal: bool, live: bool, colour: bool) -> None:
    """What the variables say that people set."""
    stream = _Terminal() if is_terminal else io.StringIO()

    assert (live, colour) == (wants_live(stream, environment), wants_colour(stream, environment))


def test_a_kind_of_failure_is_told_by_the_users_own_code(tmp_path: Path) -> None:
    """Frames of libraries, empty lines and pytest's hints are left out; causes and the end of the output are not."""
    (tmp_path / "shop.py").write_text("\n".join(f"line {number}" for number in range(1, 21)))
    shop, library = str(tmp_path / "shop.py"), "/usr/lib/python3.11/json/decoder.py"
    cause = {"type": "KeyError", "message": "'k'", "frames": [(shop, 9, "inner"), (library, 3, "decode")]}
    exception = {
        "type": "AssertionError",
        "message": "assert [] == [1]\n\n  Right contains one more item: 1\n  Use -v to get more diff",
        "frames": [(shop, number, f"f{number}") for number in range(1, 9)],
        "cause": cause,
    }
    failure = _failure(details={"exception": exception}, output="\n".join(f"row {number}" for number in range(9)))

    assert [row.replace(f"{tmp_path}/", "") for row in summary_lines(failure)] == [
        *("at shop.py:1 in f1", "    line 1", "… 2 more calls …"),
        *(row for number in range(4, 9) for row in (f"at shop.py:{number} in f{number}", f"    line {number}")),
        "    Right contains one more item: 1",
        *("caused by KeyError: 'k'", "at shop.py:9 in inner", "    line 9"),
        *("it printed:", *(f"    row {number}" for number in range(4, 9)), "    (the last 5 of 9 lines)"),
    ]
