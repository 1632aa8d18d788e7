"""The beta function, the regularised incomplete beta function and its quantile, in logarithms.

Everything here keeps its relative accuracy in the tails (a probability of 1e-300 is as good as one of 0.3)
and for parameters up to tens of millions, where differences of ``math.lgamma`` would have lost eight digits.

Sources: NIST Digital Library of Mathematical Functions (DLMF), 5.11.1 (Stirling's series), 5.12 (beta
function) and 8.17 (incomplete beta functions; 8.17.22 is the continued fraction); W. J. Lentz, Applied Optics
15 (1976) 668, as modified by Thompson and Barnett (1986), for its evaluation; Press et al., Numerical
Recipes, section 6.4, for the switch between the two tails; C. Loader, "Fast and Accurate Computation of
Binomial Probabilities" (2000), for measuring the density from its own mean.
"""

import math
from typing import NamedTuple

_LOG_HALF = math.log(0.5)
_LOG_TWO_PI = math.log(2 * math.pi)
_STIRLING_FROM = 10.0  # the series below is exact to double precision from here on
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
_TINY = 1e-300
_FRACTION_ENDS = 4e-16  # a factor this close to 1 changes nothing any more
_FRACTION_STEPS = 1_000_000  # about 1,000 are needed at a + b = 1e7, and the number grows as the root
_NEWTON_ENDS = 1e-8  # Newton squares the error: after one more step it is below double precision
_QUANTILE_STEPS = 300
_LARGE_LOGIT = 40.0  # from here on log x and its logit are the same double


class _Tails(NamedTuple):
    """Logarithms of I_x(a,b), of 1 - I_x(a,b) and of x^a (1-x)^b / B(a,b)."""

    lower: float
    upper: float
    kernel: float


def log_beta(a: float, b: float) -> float:
    """The logarithm of the beta function B(a,b) (DLMF 5.12.1), without cancellation for large a or b."""
    _check_shape(a, b)
    a, b = min(a, b), max(a, b)
    if b < _STIRLING_FROM:
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    log_ratio = math.log1p(a / b)
    if a < _STIRLING_FROM:
        correction = _stirling_tail(b) - _stirling_tail(a + b)
        return math.lgamma(a) - a * math.log(b) - (a + b - 0.5) * log_ratio + a + correction
    correction = _stirling_tail(a) + _stirling_tail(b) - _stirling_tail(a + b)
    return 0.5 * (_LOG_TWO_PI - math.log(b)) + (a - 0.5) * math.log(a / (a + b)) - b * log_ratio + correction


def log_beta_shift(a: float, b: float, shift: int) -> float:
    """log(B(a, b + n) / B(a, b)): the log-probability that n = shift trials pass if their rate is Beta(a,b).

    Factors b / (a + b), one for each unit of shift (by DLMF 5.5.1), are multiplied out until Stirling's
    series (DLMF 5.11.1) holds; its leading terms are combined on paper, so that a result of -1e-9 still has
    its digits.
    """
    _check_shape(a, b)
    if shift < 0:
        raise ValueError(f"shift must be 0 or more, got {shift}")
    factors = min(shift, max(0, math.ceil(_STIRLING_FROM - b)))
    total = math.fsum(_log_share(b + step, a) for step in range(factors))
    b += factors
    n = shift - factors
    if n == 0:
        return total
    correction = (_stirling_tail(b + n) - _stirling_tail(b)) - (_stirling_tail(a + b + n) - _stirling_tail(a + b))
    gain = (b + n - 0.5) * math.log1p(n / b * (a / (a + b + n)))
    return total + gain - a * math.log1p(n / (a + b)) - n * math.log1p(a / b) + correction


def log_betainc(a: float, b: float, x: float) -> float:
    """The logarithm of the regularised incomplete beta function I_x(a,b) (DLMF 8.17.2)."""
    return _checked_tails(a, b, x).lower


def log_betaincc(a: float, b: float, x: float) -> float:
    """The logarithm of the complement 1 - I_x(a,b) = I_{1-x}(b,a) (DLMF 8.17.4), without forming 1 - x."""
    return _checked_tails(a, b, x).upper


def betainc(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a,b): the distribution function of Beta(a,b)."""
    return math.exp(log_betainc(a, b, x))


def beta_ppf(q: float, a: float, b: float) -> float:
    """The quantile of Beta(a,b): the x with I_x(a,b) = q."""
    _check_shape(a, b)
    _check_unit("q", q)
    if q in (0.0, 1.0):
        return float(q)
    return _quantile(math.log(q), math.log1p(-q), a, b)


def beta_isf(q: float, a: float, b: float) -> float:
    """The upper quantile of Beta(a,b): the x with 1 - I_x(a,b) = q, exact for a small q."""
    _check_shape(a, b)
    _check_unit("q", q)
    if q in (0.0, 1.0):
        return 1.0 - q
    return _quantile(math.log1p(-q), math.log(q), a, b)


def _check_shape(a: float, b: float) -> None:
    for name, value in (("a", a), ("b", b)):
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be above 0 and finite, got {value}")


def _check_unit(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be between 0 and 1, got {value}")


def _stirling_tail(x: float) -> float:
    """What Stirling's leading terms leave out of log Gamma(x), for x from 10 (DLMF 5.11.1)."""
    inverse_square = 1 / (x * x)
    total = 0.0
    for coefficient in reversed(_STIRLING):
        total = total * inverse_square + coefficient
    return total / x


def _log_share(part: float, rest: float) -> float:
    """log(part / (part + rest)), accurate whichever of the two is small."""
    return -math.log1p(rest / part) if rest < part else math.log(part / (part + rest))


def _log_complement(log_p: float) -> float:
    """log(1 - p) from log p, accurate at both ends."""
    if log_p >= 0:
        return -math.inf
    return math.log(-math.expm1(log_p)) if log_p > _LOG_HALF else math.log1p(-math.exp(log_p))


def _checked_tails(a: float, b: float, x: float) -> _Tails:
    _check_shape(a, b)
    _check_unit("x", x)
    return _tails(a, b, x, 1 - x)


def _tails(a: float, b: float, x: float, y: float) -> _Tails:
    """Both tails at x; y = 1 - x is passed separately, so that neither is rounded through the other."""
    if x <= 0:
        return _Tails(-math.inf, 0.0, -math.inf)
    if y <= 0:
        return _Tails(0.0, -math.inf, -math.inf)
    kernel = _log_kernel(a, b, x, y)
    if x * (a + b + 2) < a + 1:
        lower = min(0.0, kernel - math.log(a) + math.log(_continued_fraction(a, b, x)))
        return _Tails(lower, _log_complement(lower), kernel)
    upper = min(0.0, kernel - math.log(b) + math.log(_continued_fraction(b, a, y)))
    return _Tails(_log_complement(upper), upper, kernel)


def _log_kernel(a: float, b: float, x: float, y: float) -> float:
    """log(x^a y^b / B(a,b)); for large a and b measured from the mean a/(a+b), where it is nearly normal."""
    if min(a, b) < _STIRLING_FROM:
        log_x = math.log1p(-y) if y < 0.5 else math.log(x)
        log_y = math.log1p(-x) if x < 0.5 else math.log(y)
        return a * log_x + b * log_y - log_beta(a, b)
    above_mean = b * x - a * y
    peak = 0.5 * (math.log(a) + math.log(b / (a + b)) - _LOG_TWO_PI)
    correction = _stirling_tail(a + b) - _stirling_tail(a) - _stirling_tail(b)
    return (
        a * _log_relative(x, a / (a + b), above_mean / a)
        + b * _log_relative(y, b / (a + b), -above_mean / b)
        + peak
        + correction
    )


def _log_relative(value: float, mean: float, excess: float) -> float:
    """log(value / mean), where excess = value / mean - 1 is known more exactly than the quotient if small."""
    return math.log1p(excess) if abs(excess) < 0.5 else math.log(value / mean)


def _continued_fraction(a: float, b: float, x: float) -> float:
    """The continued fraction DLMF 8.17.22 by Lentz's method; converges fast for x below (a+1)/(a+b+2)."""
    c = 1.0
    d = 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _FRACTION_STEPS):
        end = a + 2 * m
        even = m * (b - m) * x / ((end - 1) * end)
        d = 1 / _away_from_zero(1 + even * d)
        c = _away_from_zero(1 + even / c)
        value *= c * d
        odd = -(a + m) * (a + b + m) * x / (end * (end + 1))
        d = 1 / _away_from_zero(1 + odd * d)
        c = _away_from_zero(1 + odd / c)
        factor = c * d
        value *= factor
        if abs(factor - 1) < _FRACTION_ENDS:
            return value
    raise ArithmeticError(f"the incomplete beta function does not converge at a={a}, b={b}, x={x}")


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def _quantile(log_lower: float, log_upper: float, a: float, b: float) -> float:
    """The x with the given lower and upper tails, which sum to 1; the smaller tail is matched."""
    half = _tails(a, b, 0.5, 0.5)
    below_half = half.lower >= log_lower if log_lower <= log_upper else half.upper <= log_upper
    if below_half:
        return _quantile_below_half(log_lower, log_upper, a, b)
    return 1 - _quantile_below_half(log_upper, log_lower, b, a)


def _quantile_below_half(log_lower: float, log_upper: float, a: float, b: float) -> float:
    """The quantile, if it is at most 1/2: Newton's method for log x on the log of a tail, in a bracket.

    The bracket: for x up to 1/2, (1-t)^(b-1) is at most 2 on (0, x), so I_x(a,b) <= 2 x^a / (a B(a,b)).
    """
    high = _LOG_HALF
    low = min(high, (log_lower + math.log(a) + log_beta(a, b) + _LOG_HALF) / a)
    match_lower = log_lower <= log_upper
    from statistics import NormalDist  # takes longer to import than all of this package

    z = NormalDist().inv_cdf(max(_TINY, math.exp(min(log_lower, log_upper))))
    logit = math.log(a) - math.log(b) + (z if match_lower else -z) * math.sqrt(1 / a + 1 / b)
    log_x = min(high, max(low, logit if logit < -_LARGE_LOGIT else -math.log1p(math.exp(-logit))))
    for _ in range(_QUANTILE_STEPS):
        y = -math.expm1(log_x)
        tails = _tails(a, b, math.exp(log_x), y)
        gap = tails.lower - log_lower if match_lower else log_upper - tails.upper
        if gap > 0:
            high = log_x
        else:
            low = log_x
        slope = math.exp(tails.kernel - math.log(y) - (tails.lower if match_lower else tails.upper))
        newton = log_x - gap / slope if slope > 0 and math.isfinite(gap) else math.nan
        if abs(gap) < _NEWTON_ENDS and math.isfinite(newton):
            return math.exp(newton)
        following = newton if low < newton < high else (low + high) / 2
        if following in (low, high):
            break
        log_x = following
    return math.exp(log_x)


_LARGEST = 700.0
"""About the largest logarithm of a number that a float holds."""


def from_logarithm(logarithm: float) -> float:
    """The exponential of `logarithm`; e^700 if it is larger than that, as it could overflow."""
    return math.exp(min(logarithm, _LARGEST))
