"""Whether one of two arms fails less often, from pairs of trials or of blocks, looked at whenever one likes.

Only pairs that disagree count: a of them the base lost, b the fix. Without an effect each is a fair coin, whatever the
rates, their drift and their clustering, as long as the order inside the pair is random: A. Wald, Sequential Analysis
(1947), chapter 6; M. Lindon and A. Malek, "Anytime-Valid Inference for Multinomial Count Data", NeurIPS 2022
(arXiv:2011.03567). With an odds ratio r the base loses a pair that disagrees with probability r / (1 + r).
"""

import math
from dataclasses import dataclass

from flakeproof.stats.sequential import robbins
from flakeproof.stats.special import log_beta, log_betainc

_PRIOR = 0.5
_LOG_2 = math.log(2)


def log_evidence_of_effect(base: int, fix: int) -> float:
    """The logarithm of the e-value for "the fix fails less often", after `base` and `fix` pairs lost.

    2^(a+b) B(1/2 + a, 1/2 + b) I_1/2(1/2 + b, 1/2 + a) / (B(1/2, 1/2) I_1/2(1/2, 1/2)): Jeffreys' mixture over the
    probabilities above 1/2. Raises ValueError for negative counts.
    """
    _check(base, fix)
    return (
        (base + fix) * _LOG_2
        + log_beta(_PRIOR + base, _PRIOR + fix)
        + log_betainc(_PRIOR + fix, _PRIOR + base, 0.5)
        - log_beta(_PRIOR, _PRIOR)
        - log_betainc(_PRIOR, _PRIOR, 0.5)
    )


def log_evidence_of_futility(base: int, fix: int, reduction: float) -> float:
    """The logarithm of the e-value for "the odds of failing are reduced less than `reduction`-fold" (above 1).

    B(1/2 + a, 1/2 + b) I_p(1/2 + a, 1/2 + b) / (B(1/2, 1/2) I_p(1/2, 1/2) p^a (1-p)^b) with p = r / (1 + r). Raises
    ValueError.
    """
    _check(base, fix)
    if not 1 < reduction < math.inf:
        raise ValueError(f"a reduction must be more than 1-fold, got {reduction}")
    share = reduction / (1 + reduction)
    return (
        log_beta(_PRIOR + base, _PRIOR + fix)
        + log_betainc(_PRIOR + base, _PRIOR + fix, share)
        - log_beta(_PRIOR, _PRIOR)
        - log_betainc(_PRIOR, _PRIOR, share)
        - base * math.log(share)
        - fix * math.log1p(-share)
    )


def further_pairs(base: int, fix: int, pairs: int, error: float, reduction: float) -> int | None:
    """How many more pairs decide, should they go on to be lost as they were so far; None if that cannot be told.

    `pairs` are all that have ended, `base` and `fix` those lost. 0 when it is decided. Raises ValueError.
    """
    _check(base, fix)
    wanted = -math.log(error)

    def is_decided(times: int) -> bool:
        lost, fix_lost = base * times // _STEPS, fix * times // _STEPS
        effect = log_evidence_of_effect(lost, fix_lost)
        return max(effect, log_evidence_of_futility(lost, fix_lost, reduction)) >= wanted

    if not base + fix:
        return None
    if is_decided(_STEPS):
        return 0
    high = 2 * _STEPS
    while not is_decided(high):
        if high > _FARTHEST * _STEPS:
            return None
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_decided(middle) else (middle, high)
    return math.ceil(pairs * (high / _STEPS - 1))


_STEPS = 64
"""Into so many parts what has been seen so far is divided, to find how many times it takes."""
_FARTHEST = 100_000
"""Times what has been seen so far, beyond which nothing is told."""


@dataclass(frozen=True, slots=True)
class OddsRatio:
    """The odds of failing with the fix over those without, as far as the pairs tell."""

    low: float
    high: float
    confidence: float


def odds_ratio(base: int, fix: int, confidence: float = 0.95) -> OddsRatio:
    """The ratio fix / base that the pairs leave possible, at every moment: (1 - p) / p over Robbins' interval of p.

    It assumes that the ratio is the same over the whole session; the evidence of an effect does not. Raises ValueError.
    """
    _check(base, fix)
    # Each end from the interval in which it is the lower one: 1 - p would lose the digits of a p near 1.
    lost_by_base, lost_by_fix = (robbins(lost, base + fix, confidence) for lost in (base, fix))
    low = lost_by_fix.low / lost_by_base.high
    high = lost_by_fix.high / lost_by_base.low if lost_by_base.low > 0 else math.inf
    return OddsRatio(low, high, confidence)


def _check(base: int, fix: int) -> None:
    if base < 0 or fix < 0:
        raise ValueError(f"counts of pairs must be 0 or more, got {base} and {fix}")
