"""Which of many candidates makes a test fail, or keeps it from failing, from trials in which each took part at random.

Group testing with noise, and Bayes' rule over what may be true: nothing matters and all trials fail at one rate; or one
candidate does, and they fail at one rate with it and at another without. The rates are unknown and integrated out over
Jeffreys' prior (E. Gunel and J. Dickey, "Bayes Factors for Independence in Contingency Tables", Biometrika 61 (1974)
545-557). Where several candidates matter, each of them is found as long as they do not take part together every time.
"""

import math
from dataclasses import dataclass

from flakeproof.stats.special import log_beta

_PRIOR = 0.5  # of the beta distributions, both parameters: Jeffreys' prior


@dataclass
class Tally:
    """Of one candidate: trials in which it took part, those in which it did not, and how many of each failed."""

    active: int = 0
    active_failures: int = 0
    idle: int = 0
    idle_failures: int = 0

    def add(self, *, active: bool, failed: bool) -> None:
        """Count a trial."""
        if active:
            self.active += 1
            self.active_failures += failed
        else:
            self.idle += 1
            self.idle_failures += failed


@dataclass(frozen=True)
class Evidence:
    """Bayes factors against "nothing matters": so many times as likely are the tallies if the candidate does matter."""

    raises: float
    """And trials fail more often with it."""
    lowers: float
    """And they fail less often with it."""


def evidence(tally: Tally) -> Evidence:
    """What one tally tells.

    Two rates with independent priors against a common one. How that is shared out between "more often" and "less often"
    is the posterior probability that one rate is above the other, by a normal approximation to both.
    """
    failures, trials = tally.active_failures + tally.idle_failures, tally.active + tally.idle
    log = (
        _log_marginal(tally.active_failures, tally.active)
        + _log_marginal(tally.idle_failures, tally.idle)
        - _log_marginal(failures, trials)
    )
    with_it, without = _moments(tally.active_failures, tally.active), _moments(tally.idle_failures, tally.idle)
    above = math.erfc((without[0] - with_it[0]) / math.sqrt(2 * (with_it[1] + without[1]))) / 2
    factor = 2 * math.exp(min(log, _LARGEST_LOG))  # each direction has half of the prior
    return Evidence(factor * above, factor * (1 - above))


_LARGEST_LOG = 700.0
"""Beyond this the factor would be no number any more."""


def _log_marginal(failures: int, trials: int) -> float:
    """The logarithm of the probability of these trials, in their order, over all rates."""
    return log_beta(_PRIOR + failures, _PRIOR + trials - failures) - log_beta(_PRIOR, _PRIOR)


def _moments(failures: int, trials: int) -> tuple[float, float]:
    """Mean and variance of the posterior of a rate."""
    mean = (failures + _PRIOR) / (trials + 2 * _PRIOR)
    return mean, mean * (1 - mean) / (trials + 2 * _PRIOR + 1)
