"""Failures along a run as a line of blocks, and how the interval narrows."""

import pytest

from flakeproof.features.run.strip import Strip
from flakeproof.stats.intervals import robbins
from flakeproof.text import share


def strip_of(failing: set[int], count: int, step: int = 1) -> Strip:
    """After `count` trials of which those numbers failed, told each `step` trials."""
    strip = Strip()
    for ended in range(step, count + 1, step):
        strip.add(ended, sum(1 for one in failing if one <= ended))
    return strip


def test_a_cluster_is_seen_where_it_was() -> None:
    """And the interval narrows."""
    failures, interval = strip_of({41, 42, 43, 44}, 100).lines(150)
    assert failures == "failures  " + "·" * 40 + "████" + "·" * 56 + "  each 1 test"
    blocks = interval.split()[1]
    assert len(blocks) == 100
    assert (blocks[0], blocks[-1]) == ("█", "▂")
    first, last = (share(one.high - one.low, 1) for one in (robbins(0, 1), robbins(4, 100)))
    assert interval.endswith(f"  {first} to {last} wide")


def test_the_interval_is_drawn_by_its_widest() -> None:
    """In parts of many trials as well it is seen to narrow."""
    _, interval = strip_of(set(range(1, 100_001, 20)), 100_000, 100).lines(100)
    blocks = interval.split()[1]
    assert blocks == "".join(sorted(blocks, reverse=True))
    assert (blocks[0], blocks[-1], len(set(blocks)) > 3) == ("█", "▂", True)


@pytest.mark.parametrize("width", [36, 60, 80, 200])
@pytest.mark.parametrize("count", [130, 2_000, 100_000])
@pytest.mark.parametrize("step", [1, 997])
def test_it_has_room_in_every_terminal(width: int, count: int, step: int) -> None:
    """Whatever the number of trials, and however seldom it is told of them: no failure is lost."""
    lines = list(strip_of({step * 3}, max(count, 4 * step), step).lines(width, "pass", "passes"))
    assert len(lines) == 2
    assert all(len(line) <= width for line in lines)
    assert lines[0].count("█") == 1


@pytest.mark.parametrize(("failing", "count", "width"), [(set(), 100, 80), ({1}, 10, 80), ({1}, 100, 29)])
def test_where_there_is_nothing_to_tell(failing: set[int], count: int, width: int) -> None:
    """No failure, too few trials, or no room."""
    assert list(strip_of(failing, count).lines(width)) == []
