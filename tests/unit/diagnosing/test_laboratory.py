"""The laboratory: what counts as the flake, and what there is time for."""

import pytest
from tests.unit.diagnosing.test_decision import flake

from flakeproof.clock import monotonic_ns
from flakeproof.engine.time_limits import Budget
from flakeproof.features.diagnose.experiment_runner import Arm, BudgetSpent, Laboratory
from flakeproof.features.diagnose.outcomes import Seen, Tally
from flakeproof.model import Failure, Isolation, PytestTarget, RunSpec
from flakeproof.results.history import History
from flakeproof.results.summary import summarize

SPEC = RunSpec(
    target=PytestTarget(name="t.py", python="python", folder="/project", arguments=["t.py"], options=[]),
    seed=1,
    workers=1,
    processes=1,
    isolation=Isolation.FORK,
    count=None,
    grace=0.5,
)


def laboratory(seconds: float = 100.0, gone: float = 0.0) -> tuple[Laboratory, list[RunSpec]]:
    """One whose runs do nothing but end, and the specifications that it runs."""
    made: list[RunSpec] = []

    def conduct(spec: RunSpec, sinks: object) -> object:
        made.append(spec)
        return summarize(History(spec=spec), "")

    budget = Budget(seconds, since_ns=monotonic_ns() - int(gone * 1e9))
    return Laboratory(SPEC, budget, conduct, lambda laboratory, arm: None), made  # type: ignore[arg-type]


def failures(message: str, count: int, first: int = 0) -> list[Seen]:
    """So many trials that failed with it."""
    found = flake(message).example
    return [
        Seen(_of(found, message, trial), run_id="r", run_seed=1, hash_seed="1") for trial in range(first, first + count)
    ]


def _of(example: Failure, message: str, trial: int) -> Failure:
    import msgspec

    line = {"type": message, "message": message, "frames": [["/project/shop.py", len(message), "sell"]]}
    return msgspec.structs.replace(example, trial=trial, details={"exception": line})


@pytest.mark.parametrize(("others", "joined"), [(12, True), (1, False)])
def test_what_rises_together_is_one_flake(others: int, joined: bool) -> None:
    """By the same change, each beyond chance: then all of it counts from there on; a single other one does not."""
    made, _ = laboratory()
    control = Tally(passed=60)
    busy = Tally(passed=40, seen=failures("wrong", 10) + failures("file not found", others, first=100))
    made.arms["busy, control"] = Arm("busy, control", "alone, in turns", "", control)
    with made.experiment("busy", "a busy machine", against="busy, control") as tally:
        tally.passed, tally.seen = busy.passed, busy.seen
    assert made.failed("busy") == (10 + others if joined else 10)


def test_nothing_begins_that_there_is_no_time_for() -> None:
    """A run gets what is left and gives up what would go on longer; with nothing left there is none."""
    made, specs = laboratory(seconds=100.0, gone=90.0)
    with made.experiment("alone", "alone") as tally:
        made.run(tally, SPEC, seconds=50.0, count=5)
    (spec,) = specs
    assert spec.duration is not None
    assert spec.patience is not None
    assert spec.duration + spec.patience < 11
    late, specs = laboratory(seconds=10.0, gone=11.0)
    late.arms["alone"] = Arm("alone", "alone", "", Tally())
    with pytest.raises(BudgetSpent), late.experiment("busy", "busy") as tally:
        late.run(tally, SPEC, seconds=1.0, count=1)
    assert (specs, list(late.arms)) == ([], ["alone"])
