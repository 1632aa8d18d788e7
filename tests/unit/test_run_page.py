"""The page of a run, where the run is very large, and where what it needs is not installed."""

from pathlib import Path

import msgspec
import pytest

from flakeproof.errors import UsageError
from flakeproof.events import RunEnded, RunStarted, Settled, TrialFailed, TrialsCounted, TrialsPassed
from flakeproof.features.run.earlier import summary_of
from flakeproof.features.run.html_page import _looks, render
from flakeproof.features.run.run_trace import RunTrace
from flakeproof.model import CallableTarget, Failure, Outcome, RunSpec
from flakeproof.reports.pages import page
from flakeproof.store.file import as_json
from flakeproof.store.log import LOG_NAME
from flakeproof.store.spec_file import SPEC_NAME

_TARGET = CallableTarget(name="m:f", folder="/", module="m", attribute="f", python="python")
_SPEC = RunSpec(target=_TARGET, count=10_000_000, workers=1, processes=1, seed=1)


def failed(trial: int) -> TrialFailed:
    """One failure, of one of a hundred kinds."""
    failure = Failure(
        trial=trial,
        seed=trial,
        outcome=Outcome.FAILED,
        message=f"kind {trial % 100} " + "x" * 1000,
        signature=f"kind {trial % 100}",
        duration=0.01,
        process=trial % 40,
        output="y" * 20_000,
    )
    return TrialFailed(number=trial, failure=failure)


@pytest.mark.long
def test_ten_million_tests_with_a_million_failures_are_a_small_page(tmp_path: Path) -> None:
    """Less than two megabytes, as the log of such a run is."""
    events = [RunStarted(run_id="r", at="2026-01-01T00:00:00+00:00", version="1", spec=_SPEC)]
    lines = [as_json(event) for event in events]
    for block in range(900):
        passed = TrialsPassed(process=block % 40, count=10_000, durations=[(900 + block % 50, 10_000)])
        lines.append(as_json(passed))
        lines.append(as_json(failed(1 + block * 11_111)))
        lines.append(as_json(Settled(trials=[(1 + block * 11_111, 11_111)], elapsed=float(block))))
        counted = TrialsCounted(outcome=Outcome.FAILED, signature=f"kind {block % 100}", count=1_110)
        lines.append(as_json(counted))
    lines.append(as_json(RunEnded(elapsed=900.0, stopped=None)))
    (tmp_path / LOG_NAME).write_bytes(b"\n".join(lines) + b"\n")
    (tmp_path / SPEC_NAME).write_bytes(msgspec.json.encode(_SPEC))
    data = render(summary_of(tmp_path))
    assert len(data) < 2_000_000
    text = data.decode()
    assert "999,900" in text  # failures
    assert "and 70 more kinds" in text


def test_a_trace_does_not_grow() -> None:
    """However many batches the log has."""
    trace = RunTrace()
    for _ in range(20_000):
        trace.add(TrialsPassed(process=0, count=1, durations=[(5, 1)]))
    assert len(trace.points) <= 2_000
    assert (trace.points[0], trace.points[-1]) == ((1, 0), (20_000, 0))
    assert trace.points == sorted(trace.points)


@pytest.mark.parametrize(
    ("points", "moments"),
    [
        ([(1, 0)], [(1, 0)]),
        ([(4, 0)], [(1, 0), (2, 0), (3, 0), (4, 0)]),  # one batch of passes
        ([(2, 0), (3, 1), (4, 1)], [(1, 0), (2, 0), (3, 1), (4, 1)]),
        ([(100, 50)], [(100, 50)]),  # only their numbers are known
    ],
)
def test_moments_along_a_run(points: list[tuple[int, int]], moments: list[tuple[int, int]]) -> None:
    """Every one that is known, however the log has put passes together."""
    found = [(look["trials"], round(look["rate"] * look["trials"])) for look in _looks(RunTrace(points=points))]
    assert found == moments


def test_what_is_missing_is_told_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setattr(page, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="--html needs jinja2 and vl-convert-python") as told:
        page.check_html("--html")
    assert "flakeproof[html]" in told.value.remedy
