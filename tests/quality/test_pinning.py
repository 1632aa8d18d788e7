"""The pause at one line, tried as a setting: taken where it is better than what was found, and nowhere else."""

from dataclasses import replace

import pytest
from tests.quality.flaky_world import A, Simulation, World, searched

from flakeproof.amplifying.model import PLAIN, Found, Kind, Stop
from flakeproof.amplifying.pinning import pin

LINE = ("delay", "account.py:17:1ms")
RACE = World(0.02, times={A: 12.25, LINE: 400})


def pinned(world: World, found: Found, seed: int, seconds: float = 15, error: float = 0.01) -> Found:
    """Tried in this world."""
    simulation = Simulation(world, seconds, seed)
    return pin(LINE, found, simulation.run, seconds=seconds, left=simulation.left, seed=seed, error=error)


def test_a_line_that_decides() -> None:
    """It takes the place of what was found, with rates from fresh trials; the rest stays as it was."""
    found = searched(RACE, 60, 1)
    after = pinned(RACE, found, 1)

    assert found.best is not None
    assert after.best is not None
    assert found.best.setting.has(*A)
    assert after.best.setting == PLAIN.plus(*LINE)
    assert after.best.rate.low <= RACE.rate(after.best.setting) <= after.best.rate.high
    assert after.plain.low <= RACE.base <= after.plain.high
    assert after.plain != found.plain
    assert {(one.factor, one.level) for one in after.effects if one.kind is Kind.RAISES} == {LINE, A}
    assert after.trials > found.trials + after.best.rate.trials
    assert after.signatures == found.signatures


def test_where_the_search_found_nothing() -> None:
    """The line alone is a finding."""
    world = replace(RACE, times={LINE: 400})
    found = searched(world, 60, 1)
    after = pinned(world, found, 1)

    assert found.best is None
    assert found.stop is not Stop.FOUND
    assert after.stop is Stop.FOUND
    assert after.best is not None
    assert after.best.setting == PLAIN.plus(*LINE)
    assert f"{after.best.chance:.2g}" in after.reason


@pytest.mark.parametrize(
    "world",
    [
        replace(RACE, times={A: 12.25}),
        replace(RACE, times={A: 12.25, LINE: 6}),
        replace(RACE, slows={LINE: 100}),
        replace(RACE, breaks=[LINE]),
        replace(RACE, hides={LINE: 1}),
    ],
    ids=["does nothing", "does less", "takes too long", "cannot be run", "fails otherwise"],
)
def test_a_line_that_is_no_better(world: World) -> None:
    """What was found before stays, with its own rates."""
    found = searched(world, 60, 1)
    after = pinned(world, found, 1)

    assert found.best is not None
    assert (after.best, after.plain, after.effects) == (found.best, found.plain, found.effects)


def test_a_line_that_does_nothing_is_hardly_ever_taken() -> None:
    """In 1 % of cases, where nothing else was found."""
    world = World(0.2, spread=0.3, drift=0.5)
    found = searched(World(0.02), 5, 1)

    assert found.best is None
    assert sum(pinned(world, found, seed).best is not None for seed in range(300)) <= 8


@pytest.mark.parametrize("error", [0.05, 0.01, 0.001])
def test_slow_trials(error: float) -> None:
    """However few batches there is time for: there are enough to tell at this error."""
    world = World(0.02, trial=0.3, start=1.0, times={LINE: 1e4})
    found = searched(World(0.02), 5, 1)

    assert pinned(world, found, 1, seconds=60, error=error).best is not None


def test_without_time() -> None:
    """Nothing changes but what was used."""
    found = searched(RACE, 60, 1)
    after = pinned(RACE, found, 1, seconds=0.5)

    assert after.best == found.best


def test_an_error_that_is_none() -> None:
    """It is refused."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        pinned(RACE, searched(RACE, 5, 1), 1, error=1.0)
