"""Where a failure rate changed."""

import random

from flakeproof.stats.rate_change import rate_changes


def cells(*parts: tuple[int, float], seed: int = 1) -> list[tuple[int, int]]:
    """So many commits with two runs each, at each rate."""
    draws = random.Random(seed)
    return [(sum(draws.random() < rate for _ in range(2)), 2) for count, rate in parts for _ in range(count)]


def test_a_change_is_found_where_it_is() -> None:
    """And its range holds it."""
    (change,) = rate_changes(cells((300, 0.0), (300, 0.1)))
    assert change.low <= 300 <= change.high
    assert abs(change.place - 300) < 20
    assert change.before == (0, change.place * 2)
    assert change.before[1] + change.after[1] == 1200
    assert change.probability > 0.99


def test_up_and_down_are_two() -> None:
    """In their order."""
    changes = rate_changes(cells((200, 0.0), (200, 0.3), (200, 0.0)))
    assert [abs(change.place - place) < 10 for change, place in zip(changes, (200, 400), strict=True)] == [True, True]


def test_a_steady_rate_hardly_ever_changes() -> None:
    """In 40 simulated histories two at most; the probability that is asked for would let as many through."""
    wrong = sum(bool(rate_changes(cells((300, 0.05), seed=seed))) for seed in range(40))
    assert wrong <= 2


def test_ranges_hold_the_change() -> None:
    """Ninety-five in a hundred is asked for; 40 histories tell."""
    held = 0
    for seed in range(40):
        changes = rate_changes(cells((150, 0.01), (150, 0.2), seed=seed))
        held += any(change.low <= 150 <= change.high for change in changes)
    assert held >= 36


def test_too_little_says_nothing() -> None:
    """Neither two failures nor a single commit."""
    assert rate_changes([(1, 1), (1, 1)]) == []
    assert rate_changes([(5, 9)]) == []
    assert rate_changes([]) == []
