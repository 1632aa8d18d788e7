"""Evidence that a mean is below a threshold from observations between 0 and 1, whatever their distribution.

Each observation multiplies a capital by 1 + c (t - y) / (1 - t), which is never negative and, where the mean is t or
more, at most 1 on average: a bet that the mean is below t. So the capital is an e-value that may be looked at after
every observation: G. Shafer and V. Vovk, Game-Theoretic Foundations for Probability and Finance (2019); I.
Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting", J. Royal Statistical Society B 86
(2024) 1-27. The observations are independent of each other; here each is the share of failures in one process.
"""

import math
from collections.abc import Sequence

from flakeproof.stats.proportion import check_confidence
from flakeproof.stats.search import fewest

_STAKES = ((1.0, 0.9), (0.5, 0.1))
"""Parts of the capital that can be bet (c), and the weight of each: all of it, so that hardly more observations are
needed than the fewest there can be; and half, which an observation of 1 does not ruin."""


def log_evidence_mean_below(shares: Sequence[float], zeros: int, threshold: float) -> float:
    """The logarithm of the capital after the observations `shares` and so many more that were 0. Raises ValueError."""
    if not 0 < threshold < 1:
        raise ValueError(f"threshold must be between 0 and 1 (exclusive), got {threshold}")
    if zeros < 0:
        raise ValueError(f"observations that were 0 must be 0 or more, got {zeros}")
    logs = []
    for stake, weight in _STAKES:
        total = math.log(weight) + zeros * _log_factor(0.0, threshold, stake)
        for share in shares:
            if not 0 <= share <= 1:
                raise ValueError(f"an observation must be between 0 and 1, got {share}")
            total += _log_factor(share, threshold, stake)
        logs.append(total)
    most = max(logs)
    return most + math.log(sum(math.exp(one - most) for one in logs)) if most > -math.inf else most


def observations_without_failure(threshold: float, error: float) -> int:
    """The fewest observations that, if all are 0, make the evidence reach 1 / error. Raises ValueError."""
    check_confidence(error)
    wanted = -math.log(error)
    return fewest(lambda count: log_evidence_mean_below((), count, threshold) >= wanted)


def _log_factor(share: float, threshold: float, stake: float) -> float:
    factor = 1 + stake * (threshold - share) / (1 - threshold)
    return math.log(factor) if factor > 0 else -math.inf
