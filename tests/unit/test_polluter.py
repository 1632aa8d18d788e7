"""The posterior over single culprits, the runs that rule an effect out, and delta debugging."""

import random
from collections.abc import Sequence

import pytest

from flakeproof.features.isolate.culprit_search import minimise
from flakeproof.stats.culprits import SingleCulprit, repeats


def test_a_certain_effect_halves_the_candidates() -> None:
    """Seen in one half and not in the other, it leaves the one half, each of it alike."""
    belief = SingleCulprit(8)
    belief.observe(range(8), shown=True)
    belief.observe((), shown=False)
    belief.observe((0, 1, 2, 3), shown=True)
    belief.observe((4, 5, 6, 7), shown=False)

    inside = [belief.probability(candidate) for candidate in range(4)]

    assert inside == [inside[0]] * 4
    assert sum(inside) > 0.9
    assert sum(belief.probability(candidate) for candidate in range(4, 8)) < 0.02


def test_probabilities_add_up_to_one() -> None:
    """Of every candidate, of several together, and of nobody."""
    belief = SingleCulprit(20)
    for turn in range(30):
        belief.observe(random.Random(turn).sample(range(20), turn % 19), shown=turn % 3 == 0)

    total = sum(belief.probability(one) for one in range(20)) + belief.together + belief.nobody

    assert total == pytest.approx(1)


def test_the_order_of_what_is_seen_does_not_matter() -> None:
    """One by one or all at once."""
    runs = [((0, 1), True), ((2, 3), False), ((), False), ((1, 2, 3), True)]
    one, other = SingleCulprit(4), SingleCulprit(4)
    for held, shown in runs:
        one.observe(held, shown=shown)
    other.observe_all(reversed(runs))

    assert [one.probability(place) for place in range(4)] == pytest.approx(
        [other.probability(place) for place in range(4)]
    )


def test_two_halves_that_do_nothing_speak_for_several() -> None:
    """All together show it each time, neither half ever does."""
    belief = SingleCulprit(8)
    for _ in range(4):
        belief.observe(range(8), shown=True)
        belief.observe(range(4), shown=False)
        belief.observe(range(4, 8), shown=False)

    assert belief.together > 0.9


def test_what_shows_with_nobody_speaks_for_nobody() -> None:
    """As often without any as with all of them."""
    belief = SingleCulprit(8)
    for _ in range(20):
        belief.observe(range(8), shown=True)
        belief.observe(range(8), shown=False)
        belief.observe((), shown=True)
        belief.observe((), shown=False)

    assert belief.nobody > 0.9


def test_the_next_subset_is_half_of_what_is_possible() -> None:
    """As long as nothing tells the candidates apart; side by side, different halves."""
    belief = SingleCulprit(64)
    belief.observe(range(64), shown=True)
    belief.observe_all([((), False)] * 4)

    first, second = belief.next_subsets(2, random.Random(1))

    assert 20 <= len(first) <= 44
    assert first != second


@pytest.mark.parametrize(("rate", "error", "runs"), [(1, 0.01, 1), (0.3, 0.01, 13), (0.02, 0.01, 228), (0.5, 0.25, 2)])
def test_runs_that_rule_an_effect_out(rate: float, error: float, runs: int) -> None:
    """ceil(ln error / ln(1 - rate)), exact where that is a whole number."""
    assert repeats(rate, error) == runs


@pytest.mark.parametrize(("rate", "error"), [(0, 0.01), (1.1, 0.01), (0.5, 0), (0.5, 1)])
def test_no_runs_rule_out_what_is_no_rate(rate: float, error: float) -> None:
    """It is refused."""
    with pytest.raises(ValueError, match="a rate above 0"):
        repeats(rate, error)


@pytest.mark.parametrize("wanted", [{3}, {0, 99}, {7, 8, 50}, set(range(10))])
def test_what_is_left_is_what_it_takes(wanted: set[int]) -> None:
    """All of it, in order, and nothing else; in far fewer questions than there are subsets."""
    questions = 0

    def first_showing(parts: Sequence[Sequence[int]]) -> int | None:
        nonlocal questions
        for place, part in enumerate(parts):
            questions += 1
            if wanted <= set(part):
                return place
        return None

    assert minimise(range(100), first_showing) == sorted(wanted)
    assert questions < 400
