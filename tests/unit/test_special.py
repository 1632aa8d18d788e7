"""The beta function and its relatives agree with mpmath and scipy, far into the tails too."""

import math
import re
from collections.abc import Callable

import mpmath  # type: ignore[import-untyped]
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import special as scipy_special  # type: ignore[import-untyped]

from flakeproof.stats.special import (
    beta_isf,
    beta_ppf,
    betainc,
    log_beta,
    log_beta_shift,
    log_betainc,
    log_betaincc,
)

deterministic = settings(derandomize=True, deadline=None, max_examples=80)

WORKING_DIGITS = 50


def powers_of_ten(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers spread evenly over orders of magnitude."""
    return st.floats(low, high).map(lambda exponent: 10.0**exponent)


def exact_log_beta_shift(a: float, b: float, shift: int) -> float:
    """log(B(a, b + shift) / B(a, b)) to 50 digits."""
    with mpmath.workdps(WORKING_DIGITS):
        a, b = mpmath.mpf(a), mpmath.mpf(b)
        above = mpmath.loggamma(b + shift) + mpmath.loggamma(a + b)
        return float(above - mpmath.loggamma(b) - mpmath.loggamma(a + b + shift))


def exact_tails(a: float, b: float, x: float) -> tuple[float, float]:
    """log I_x(a,b) and log(1 - I_x(a,b)), for tails from 1e-300 on."""
    with mpmath.workdps(300 + WORKING_DIGITS):
        lower = mpmath.betainc(a, b, 0, x, regularized=True)
        upper = mpmath.betainc(a, b, x, 1, regularized=True)
        assume(min(lower, upper) > 1e-300)
        return float(mpmath.log(lower)), float(mpmath.log(upper))


@deterministic
@given(powers_of_ten(-1, 7), powers_of_ten(-1, 7))
def test_log_beta_agrees_with_mpmath(a: float, b: float) -> None:
    """log B(a,b) is right to 1e-12 (relative, or absolute near its zero) up to a and b of ten million."""
    with mpmath.workdps(WORKING_DIGITS):
        expected = float(mpmath.log(mpmath.beta(a, b)))
    assert log_beta(a, b) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@deterministic
@given(powers_of_ten(-1, 7), powers_of_ten(-1, 7), st.integers(0, 10**7))
def test_log_beta_shift_agrees_with_mpmath(a: float, b: float, shift: int) -> None:
    """The quotient of two beta functions is right to 1e-9 relative, however close to 1 it is."""
    assert log_beta_shift(a, b, shift) == pytest.approx(exact_log_beta_shift(a, b, shift), rel=1e-9, abs=0)


@pytest.mark.parametrize(("a", "b"), [(0.5, 1e7), (3e6, 0.2), (100.5, 9.5), (2.5, 4e6)])
def test_log_beta_shift_keeps_its_digits_for_one_step(a: float, b: float) -> None:
    """One step is log(b / (a+b)), where the difference of two log-gammas would have no digit left."""
    expected = -math.log1p(a / b)
    assert log_beta_shift(a, b, 1) == pytest.approx(expected, rel=1e-13, abs=0)


def test_reference_value_of_failures_that_come_in_clusters() -> None:
    """The probability that a worker of 50 trials sees none, at a rate of 2 % and a correlation of 0.1837."""
    spread = 1 / 0.1837 - 1
    assert f"{math.exp(log_beta_shift(0.02 * spread, 0.98 * spread, 50)):.10g}" == "0.7920162465"


@deterministic
@given(powers_of_ten(-1, 3), powers_of_ten(-1, 3), st.floats(1e-6, 1 - 1e-6))
def test_incomplete_beta_agrees_with_mpmath(a: float, b: float, x: float) -> None:
    """Both log tails are right to 1e-9 relative."""
    lower, upper = exact_tails(a, b, x)
    assert log_betainc(a, b, x) == pytest.approx(lower, rel=1e-9, abs=0)
    assert log_betaincc(a, b, x) == pytest.approx(upper, rel=1e-9, abs=0)


@deterministic
@given(powers_of_ten(-0.3, 7), powers_of_ten(-0.3, 7), st.floats(-6, 6))
def test_incomplete_beta_agrees_with_scipy_for_large_parameters(a: float, b: float, z: float) -> None:
    """Within six standard deviations of the mean both tails agree with scipy's, up to ten million."""
    mean = a / (a + b)
    x = min(1.0, max(0.0, mean + z * math.sqrt(mean * (1 - mean) / (a + b + 1))))
    assert betainc(a, b, x) == pytest.approx(float(scipy_special.betainc(a, b, x)), rel=1e-9, abs=1e-300)
    upper = math.exp(log_betaincc(a, b, x))
    assert upper == pytest.approx(float(scipy_special.betaincc(a, b, x)), rel=1e-9, abs=1e-300)


def test_tails_far_below_the_smallest_double() -> None:
    """The logarithm of a tail is given where the tail itself underflows to 0."""
    with mpmath.workdps(WORKING_DIGITS):
        expected = float(mpmath.log(mpmath.betainc(400, 10, 0, 0.01, regularized=True)))
    assert expected < -1000
    assert log_betainc(400, 10, 0.01) == pytest.approx(expected, rel=1e-13)
    assert log_betaincc(10, 400, 0.99) == pytest.approx(expected, rel=1e-13)
    assert betainc(400, 10, 0.01) == 0.0


@pytest.mark.parametrize(
    ("a", "b", "x", "expected"),
    [
        pytest.param(1, 1, 0.25, 0.25, id="uniform"),
        pytest.param(0.5, 0.5, 0.5, 0.5, id="symmetric"),
        pytest.param(1, 228, 0.02, 1 - 0.98**228, id="at least one failure"),
        pytest.param(3, 1, 0.5, 0.125, id="all of three"),
    ],
)
def test_incomplete_beta_in_closed_form(a: float, b: float, x: float, expected: float) -> None:
    """Where I_x(a,b) has a closed form, that is what comes out."""
    assert betainc(a, b, x) == pytest.approx(expected, rel=1e-13)


def test_incomplete_beta_at_its_ends() -> None:
    """I_0 is 0 and I_1 is 1."""
    assert (betainc(2, 3, 0), betainc(2, 3, 1)) == (0.0, 1.0)
    assert (log_betaincc(2, 3, 0), log_betaincc(2, 3, 1)) == (0.0, -math.inf)


@deterministic
@given(powers_of_ten(-0.3, 5), powers_of_ten(-0.3, 5), st.floats(1e-9, 1 - 1e-9))
def test_quantiles_agree_with_scipy(a: float, b: float, q: float) -> None:
    """Both quantiles are right to 1e-9 relative."""
    assert beta_ppf(q, a, b) == pytest.approx(float(scipy_special.betaincinv(a, b, q)), rel=1e-9, abs=0)
    assert beta_isf(q, a, b) == pytest.approx(float(scipy_special.betainccinv(a, b, q)), rel=1e-9, abs=0)


@deterministic
@given(powers_of_ten(-0.3, 7), powers_of_ten(-0.3, 7), powers_of_ten(-30, -0.4))
def test_quantiles_invert_the_incomplete_beta(a: float, b: float, q: float) -> None:
    """The tail at a quantile is the probability asked for, down to 1e-30, as well as a double x allows."""
    low, high = beta_ppf(q, a, b), beta_isf(q, a, b)
    assert 0 < low <= high <= 1
    for x, log_tail in ((low, log_betainc), (high, log_betaincc)):
        if x < 0.9:  # above, the next double is too far away
            spacing = 1e-15 * (a + b)
            assert math.exp(log_tail(a, b, x)) == pytest.approx(q, rel=1e-9 + spacing, abs=0)


@pytest.mark.parametrize(("q", "expected"), [(0, 0.0), (1, 1.0)])
def test_quantiles_at_their_ends(q: float, expected: float) -> None:
    """The quantiles of 0 and 1 are the ends of the distribution."""
    assert (beta_ppf(q, 2, 3), beta_isf(q, 2, 3)) == (expected, 1 - expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: log_beta(0, 1), "a must be above 0 and finite, got 0"),
        (lambda: log_beta(1, math.nan), "b must be above 0 and finite, got nan"),
        (lambda: log_beta_shift(1, 1, -1), "shift must be 0 or more, got -1"),
        (lambda: betainc(1, 1, 1.5), "x must be between 0 and 1, got 1.5"),
        (lambda: log_betaincc(1, math.inf, 0.5), "b must be above 0 and finite, got inf"),
        (lambda: beta_ppf(-0.1, 1, 1), "q must be between 0 and 1, got -0.1"),
        (lambda: beta_isf(math.nan, 1, 1), "q must be between 0 and 1, got nan"),
    ],
)
def test_arguments_outside_the_domain_are_named(call: Callable[[], float], message: str) -> None:
    """A value outside the domain raises ValueError, which names the argument and the value."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()
