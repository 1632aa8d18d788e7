"""Rules that may be looked at after every trial are wrong no more often than they say, computed exactly."""

import math
from collections import defaultdict
from collections.abc import Callable

import pytest
from tests.quality.simulate import Boundaries, above_rule, below_rule, exactly, pairs_rule, walds_rule, walks

from flakeproof.stats.comparison import log_evidence_of_effect
from flakeproof.stats.threshold import log_evidence_above, log_evidence_below


def ever_crosses(rate: float, most: int, crossed: Callable[[int, int], bool]) -> float:
    """Probability that a walk of `most` steps, up with probability `rate`, is ever at (ups, steps) that crosses."""
    alive = {0: 1.0}
    lost = 0.0
    for steps in range(1, most + 1):
        following: dict[int, float] = {}
        for ups, weight in alive.items():
            following[ups] = following.get(ups, 0.0) + weight * (1 - rate)
            following[ups + 1] = following.get(ups + 1, 0.0) + weight * rate
        alive = {}
        for ups, weight in following.items():
            if weight < 1e-18:
                continue
            if crossed(ups, steps):
                lost += weight
            else:
                alive[ups] = weight
    return lost


@pytest.mark.long
@pytest.mark.parametrize("error", [0.05, 0.01])
@pytest.mark.parametrize("threshold", [0.02, 0.2])
def test_a_rate_on_the_threshold(threshold: float, error: float) -> None:
    """It is called below it, or above it, with a probability of at most `error`; and of not much less."""
    most, wanted = int(20 / threshold), -math.log(error)
    for function in (log_evidence_below, log_evidence_above):
        found = ever_crosses(threshold, most, lambda failures, trials: function(failures, trials, threshold) >= wanted)  # noqa: B023
        assert 0.1 * error < found <= error


@pytest.mark.parametrize("error", [0.05, 0.01, 1e-4])
def test_arms_that_are_alike(error: float) -> None:
    """Pairs that disagree at random prove an effect with a probability of at most `error`."""
    wanted = -math.log(error)
    found = ever_crosses(0.5, 400, lambda base, both: log_evidence_of_effect(base, both - base) >= wanted)
    assert 0.1 * error < found <= error


def ends_of_a_part(most: int, over: Callable[[int, int], bool]) -> dict[tuple[int, int], float]:
    """How probably a part of a comparison of arms that are alike ends at (base, fix) pairs lost."""
    alive: dict[tuple[int, int], float] = {(0, 0): 1.0}
    ends: dict[tuple[int, int], float] = defaultdict(float)
    for step in range(1, most + 1):
        following: dict[tuple[int, int], float] = defaultdict(float)
        for (base, fix), weight in alive.items():
            for state in ((base + 1, fix), (base, fix + 1)):
                (ends if step == most or over(*state) else following)[state] += weight / 2
        alive = following
    return ends


@pytest.mark.parametrize("error", [0.05, 0.01])
def test_parts_of_a_comparison_of_arms_that_are_alike(error: float) -> None:
    """Merged, they prove an effect with a probability of at most `error`, though each part ended when it liked."""
    wanted = -math.log(error)
    for lead in (3, 100):  # parts that end as soon as the base is so far ahead, or when they are decided
        part = ends_of_a_part(
            40,
            lambda base, fix: base - fix >= lead or log_evidence_of_effect(base, fix) >= wanted,  # noqa: B023
        )
        merged: dict[tuple[int, int], float] = {(0, 0): 1.0}
        for _ in range(4):
            further: dict[tuple[int, int], float] = defaultdict(float)
            for (base, fix), weight in merged.items():
                for (own_base, own_fix), own in part.items():
                    further[base + own_base, fix + own_fix] += weight * own
            merged = further
        assert sum(merged.values()) == pytest.approx(1.0)
        wrong = sum(weight for state, weight in merged.items() if log_evidence_of_effect(*state) >= wanted)
        assert 0.01 * error < wrong <= error


@pytest.mark.parametrize("rate", [0.3, 0.5, 0.7])
def test_boundaries_stop_where_the_rule_does(rate: float) -> None:
    """Summed along the boundaries of the rules, the probabilities are those of the rules themselves."""
    wanted = math.log(50)
    effect = ever_crosses(rate, 120, lambda base, both: log_evidence_of_effect(base, both - base) >= wanted)
    assert exactly(rate, pairs_rule(0.02, None, 120)).high == pytest.approx(effect, rel=1e-9)
    below = ever_crosses(rate, 120, lambda failures, trials: log_evidence_below(failures, trials, 0.5) >= wanted)
    assert exactly(rate, below_rule(0.5, 0.02, 120)).low == pytest.approx(below, rel=1e-9)
    above = ever_crosses(rate, 120, lambda failures, trials: log_evidence_above(failures, trials, 0.5) >= wanted)
    assert exactly(rate, above_rule(0.5, 0.02, 120)).high == pytest.approx(above, rel=1e-9)


@pytest.mark.parametrize(
    ("rate", "boundaries"), [(0.02, walds_rule(0.02, 10, 0.01, 3000)), (0.6, pairs_rule(0.01, 2.0, 1500))]
)
def test_simulated_walks_end_as_the_exact_ones(rate: float, boundaries: Boundaries) -> None:
    """Shares and mean steps agree, but for the error of the simulation."""
    simulated, exact = walks(rate, boundaries, 20_000, seed=20_010), exactly(rate, boundaries)
    for found, share in ((simulated.low, exact.low), (simulated.high, exact.high)):
        assert found == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / 20_000))
    assert simulated.steps == pytest.approx(exact.steps, rel=0.03)
