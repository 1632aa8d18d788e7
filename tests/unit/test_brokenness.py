"""Flaky or broken, by the runs at each commit."""

import math
import random

import pytest

from flakeproof.stats.brokenness import BREAKS, BROKEN_PASSES, MENDS, CommitRuns, _smoothed, flaky_or_broken


def steps_of(cells: list[tuple[int, int]]) -> list[CommitRuns]:
    """Cells of (failures, runs) at each commit, as steps."""
    found, commits, runs = [], 0, 0
    for failures, tried in cells:
        if failures:
            found.append(CommitRuns(commits, runs, failures, tried))
            commits = runs = 0
        else:
            commits, runs = commits + 1, runs + tried
    return [*found, CommitRuns(commits, runs, 0, 0)]


def test_failing_by_chance_is_flaky() -> None:
    """One run in twenty, at any commit."""
    draws = random.Random(1)
    cells = [(int(draws.random() < 0.05), 1) for _ in range(400)]
    told = flaky_or_broken(steps_of(cells))
    assert told.flaky > 0.99
    assert max(told.broken) < 0.2
    assert told.rate == pytest.approx(sum(failed for failed, _ in cells) / 400, rel=0.2)


def test_failing_at_every_commit_of_a_span_is_broken() -> None:
    """And says nothing of chance."""
    told = flaky_or_broken(steps_of([*[(0, 2)] * 100, *[(2, 2)] * 8, *[(0, 2)] * 100]))
    assert told.flaky < 0.5
    assert min(told.broken[:8]) > 0.99


def test_broken_until_now() -> None:
    """The last commits, and nothing behind them."""
    told = flaky_or_broken(steps_of([*[(0, 1)] * 50, *[(1, 1)] * 6]))
    assert told.flaky < 0.5
    assert told.broken[5] > 0.99


def test_both() -> None:
    """Flaky all the time, and broken for a while."""
    draws = random.Random(2)
    cells = [(int(draws.random() < 0.1), 1) for _ in range(300)]
    cells[100:130] = [(1, 1)] * 30
    told = flaky_or_broken(steps_of(cells))
    assert told.flaky > 0.99
    assert sum(one > 0.5 for one in told.broken) >= 28
    assert told.rate == pytest.approx(0.1, abs=0.04)


def test_failing_and_passing_at_one_commit_is_not_broken() -> None:
    """Twice, at commits with several runs each."""
    told = flaky_or_broken(steps_of([(0, 5), (1, 5), (0, 5), (0, 5), (1, 5), (0, 5)]))
    assert told.flaky > 0.95
    assert max(told.broken) < 0.05


def test_one_failure_in_very_many_runs_is_nobodys() -> None:
    """Machines make any test fail that often."""
    assert flaky_or_broken(steps_of([*[(0, 1)] * 5000, (1, 1), *[(0, 1)] * 5000])).flaky < 0.5


def test_nothing_failed() -> None:
    """Then there is nothing to be told."""
    assert flaky_or_broken(steps_of([(0, 3)])).flaky == 0
    with pytest.raises(ValueError, match="failures must be"):
        flaky_or_broken([CommitRuns(0, 0, 3, 2)])


@pytest.mark.parametrize("rate", [0.01, 0.2])
def test_putting_commits_together_changes_little(rate: float) -> None:
    """Against the plain forward algorithm over each commit by itself."""
    draws = random.Random(4)
    cells = [(int(draws.random() < 0.05), 1) for _ in range(120)]
    cells[60:66] = [(1, 1)] * 6
    sound, broken = MENDS / (BREAKS + MENDS), BREAKS / (BREAKS + MENDS)
    total = 0.0
    for failures, runs in cells:
        sound, broken = (
            (sound * (1 - BREAKS) + broken * MENDS) * rate**failures * (1 - rate) ** (runs - failures),
            (sound * BREAKS + broken * (1 - MENDS))
            * (1 - BROKEN_PASSES) ** failures
            * BROKEN_PASSES ** (runs - failures),
        )
        total += math.log(sound + broken)
        sound, broken = sound / (sound + broken), broken / (sound + broken)
    assert _smoothed(steps_of(cells), rate)[1] == pytest.approx(total, abs=0.15)
