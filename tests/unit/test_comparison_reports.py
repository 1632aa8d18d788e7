"""What is told of a comparison, from what was counted."""

import pytest

from flakeproof.events import TrialFailed
from flakeproof.features.compare import report as lines
from flakeproof.features.compare.history import ComparisonHistory
from flakeproof.features.compare.records import (
    AnyComparisonEvent,
    ComparisonArm,
    ComparisonEnded,
    ComparisonProgressed,
    ComparisonSpec,
    ComparisonStarted,
    PairEnded,
    PairsClean,
    Side,
)
from flakeproof.features.compare.summary import summarize_comparison
from flakeproof.model import CallableTarget, Failure, Outcome, RunSpec
from flakeproof.results.history import History

PASS, FAIL = Side(passed=1), Side(failed=1, signatures={"s": 1})


def history_of(*events: AnyComparisonEvent, carried: int = 0) -> ComparisonHistory:
    """The history of a comparison that goes on from `carried` pairs, with these events."""
    target = CallableTarget(name="m:f", python="python", folder="/", module="m", attribute="f")
    run = RunSpec(target=target, count=None, workers=1, processes=1, seed=1)
    spec = ComparisonSpec(
        arms=(ComparisonArm(name="base", spec=run), ComparisonArm(name="fix", spec=run)),
        error=0.01,
        reduction=10,
        most_trials=None,
        duration=None,
        company=1,
        places=1,
        seed=1,
        carried=carried,
    )
    history = ComparisonHistory()
    for event in (ComparisonStarted(run_id="r", at="", version="", spec=spec, runs=["base-run", "fix-run"]), *events):
        history.add(event)
    return history


def pair(base: Side, fix: Side) -> PairEnded:
    """A pair that ended."""
    return PairEnded(pair=1, place=0, fix_first=False, base=base, fix=fix)


def arm_with(*trials: int) -> History:
    """The history of an arm in which these trials failed."""
    history = History()
    for trial in trials:
        failure = Failure(
            trial=trial, seed=1, outcome=Outcome.FAILED, message="m", signature="s", duration=0.0, process=0
        )
        history.add(TrialFailed(number=1, failure=failure))
    return history


@pytest.mark.parametrize(
    ("ended", "base", "fix", "again"),
    [
        (pair(FAIL, PASS), [4], [], "base-run 4"),
        (pair(PASS, FAIL), [], [7], "fix-run 7"),
        (pair(PASS, FAIL), [9], [7], "base-run 9"),  # base failed in a pair that has not ended
        (pair(FAIL, PASS), [], [7], "fix-run 7"),  # base did so in the comparison before
        (pair(FAIL, PASS), [], [], None),
    ],
)
def test_an_example_is_found_in_the_run_that_it_is_from(
    ended: PairEnded, base: list[int], fix: list[int], again: str | None
) -> None:
    history = history_of(ended, ComparisonEnded(elapsed=1.0, stopped=None))
    summary = summarize_comparison(history, "/x/.flakeproof/runs/r", [arm_with(*base), arm_with(*fix)])
    found = [line.strip() for line in lines.results(summary, "flakeproof") if "again:" in line]
    assert found == ([f"again: flakeproof replay {again}"] if again else [])


def test_what_is_left_is_told_from_the_pairs_of_this_comparison() -> None:
    """Those of the one before have not taken any of its time."""
    seen: list[AnyComparisonEvent] = [*[pair(FAIL, PASS)] * 4, PairsClean(count=96, trials=96)]
    whole = history_of(*seen, ComparisonProgressed(elapsed=250.0))
    assert lines.remaining(whole) == ", ~4m10s to a verdict"
    assert lines.remaining(history_of(*seen, ComparisonProgressed(elapsed=10.0), carried=96)) == lines.remaining(whole)
    assert lines.remaining(history_of(*seen, ComparisonProgressed(elapsed=0.1), carried=100)) == ""
