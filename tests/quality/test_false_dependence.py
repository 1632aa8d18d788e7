"""Independent trials are called dependent no more often than the level says, however a run goes on and ends."""

import random
from collections.abc import Callable, Iterator

import pytest

from flakeproof.events import AnyEvent, RunEnded, RunStarted, TrialFailed, TrialsPassed
from flakeproof.model import CallableTarget, Failure, Isolation, Outcome, RunSpec
from flakeproof.results.dependence import LEVEL, examine
from flakeproof.results.history import History

RUNS = 50
TOLERATED = 3
"""More false alarms in 50 runs, each with a probability of at most 1 %, come with a probability below 2e-3.

If they had one of 13 %, there would be more with a probability of 90 %.
"""

_TARGET = CallableTarget(name="t", module="m", attribute="a", python="p", folder="f")
Trial = tuple[int, int, Outcome]
"""Process, number, outcome."""


def leased(
    chance: random.Random,
    processes: int,
    ends: Callable[[random.Random], tuple[Outcome, float]],
    enough: Callable[[int, int, float], bool],
) -> Iterator[Trial]:
    """Trials of processes that take blocks of ten numbers, and end each after its own time, until there are enough."""
    clocks = {process: (chance.random(), 0, 0) for process in range(processes)}
    following, fresh, done, failed = 1, processes, 0, 0
    while True:
        process = min(clocks, key=lambda number: clocks[number][0])
        now, number, left = clocks[process]
        if enough(done, failed, now):
            return
        if not left:
            number, left, following = following, 10, following + 10
        outcome, seconds = ends(chance)
        yield process, number, outcome
        done, failed = done + 1, failed + outcome.is_failure
        clocks[process] = now + seconds, number + 1, left - 1
        if outcome is Outcome.CRASHED:
            clocks[fresh] = clocks.pop(process)  # which gets the rest of the block: the pool gives it to anybody
            fresh += 1


def plain(chance: random.Random) -> tuple[Outcome, float]:
    """Two of a hundred fail, and all take about the same time."""
    return (Outcome.FAILED if chance.random() < 0.02 else Outcome.PASSED), 0.5 + chance.random()


def slow_failures(chance: random.Random) -> tuple[Outcome, float]:
    """A failure takes fifty times as long."""
    return (Outcome.FAILED, 50.0) if chance.random() < 0.02 else (Outcome.PASSED, 1.0)


def crashes(chance: random.Random) -> tuple[Outcome, float]:
    """Some failures end the process."""
    draw = chance.random()
    return (Outcome.CRASHED if draw < 0.02 else Outcome.FAILED if draw < 0.04 else Outcome.PASSED), 1.0


def history_of(trials: Iterator[Trial], spec: RunSpec, stopped: str | None) -> History:
    """What a run with these trials leaves."""
    history = History()
    history.add(RunStarted(run_id="r", at="", version="", spec=spec))
    failed = 0
    for process, number, outcome in trials:
        event: AnyEvent = TrialsPassed(process=process, count=1, durations=[])
        if outcome is not Outcome.PASSED:
            failed += 1
            event = TrialFailed(
                number=failed,
                failure=Failure(
                    trial=number, seed=1, outcome=outcome, message="", signature="s", duration=0.1, process=process
                ),
            )
        history.add(event)
    history.add(RunEnded(elapsed=10.0, stopped=stopped))
    return history


@pytest.mark.long
@pytest.mark.parametrize(
    ("processes", "ends", "enough", "stopped", "max_failures"),
    [
        (4, plain, lambda done, failed, now: done == 1000, None, None),
        (20, plain, lambda done, failed, now: done == 1000, None, None),
        (4, slow_failures, lambda done, failed, now: now >= 500, "the time given is over", None),
        (4, crashes, lambda done, failed, now: done == 1000, None, None),
        (4, plain, lambda done, failed, now: failed == 20, "max failures", 20),
    ],
    ids=["four", "twenty", "slow failures", "crashes", "max failures"],
)
def test_false_alarms(
    processes: int,
    ends: Callable[[random.Random], tuple[Outcome, float]],
    enough: Callable[[int, int, float], bool],
    stopped: str | None,
    max_failures: int | None,
) -> None:
    """Seeded, so that the count is the same each time."""
    alarms = looked = 0
    for seed in range(RUNS):
        spec = RunSpec(
            target=_TARGET,
            count=None if stopped else 1000,
            workers=processes,
            processes=processes,
            seed=seed,
            isolation=Isolation.SHARED,
            max_failures=max_failures,
        )
        found = examine(history_of(leased(random.Random(seed), processes, ends, enough), spec, stopped))
        if found is not None:
            looked += 1
            alarms += found.dependent
    assert looked > 0.9 * RUNS
    assert alarms <= TOLERATED, f"{alarms} of {looked}, nominal {LEVEL}"
