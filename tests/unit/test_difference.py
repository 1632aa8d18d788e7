"""Two arms compared after the fact: reference values, agreement with scipy, statsmodels and mpmath, and the edges."""

import math
from collections.abc import Callable

import mpmath  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats  # type: ignore[import-untyped]

from flakeproof.stats.comparison import fisher, miettinen_nurminen, newcombe
from flakeproof.stats.intervals import Interval

deterministic = settings(derandomize=True, deadline=None, max_examples=100)

Arms = tuple[int, int, int, int]
IntervalMethod = Callable[[int, int, int, int, float], Interval]


@st.composite
def arms(draw: st.DrawFn, most: int = 5000) -> Arms:
    """Failures and trials of the base, and of the fix, with few failures as likely as many."""
    sizes = draw(st.integers(1, most)), draw(st.integers(1, most))
    base, fix = (draw(st.one_of(st.integers(0, min(size, 20)), st.integers(0, size))) for size in sizes)
    return base, sizes[0], fix, sizes[1]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ((20, 1000, 0, 1000), "8.664334586e-07"),
        ((20, 1000, 5, 1000), "0.001929510312"),
        ((37, 2000, 5, 1000), "0.001332802681"),
        ((7, 350, 0, 350), "0.007579470995"),
        ((40, 2000, 0, 1000), "7.9e-08"),
    ],
)
def test_reference_values_of_fishers_test(seen: Arms, expected: str) -> None:
    """The one-sided p-value, to the digits given."""
    digits = len(expected.partition("e")[0].replace(".", "").lstrip("0"))
    assert f"{fisher(*seen):.{digits}g}" == expected


@pytest.mark.parametrize(
    ("seen", "low", "high"),
    [
        ((20, 1000, 0, 1000), 0.01200795483, 0.03069000523),
        ((20, 1000, 5, 1000), 0.005332326402, 0.02606661261),
        ((37, 2000, 5, 1000), 0.005149905625, 0.02096535404),
        ((7, 350, 0, 350), 0.005049436983, 0.04070114361),
    ],
)
def test_reference_values_of_newcombes_interval(seen: Arms, low: float, high: float) -> None:
    """The 95 % interval, to the digits given."""
    interval = newcombe(*seen)
    assert (interval.low, interval.high) == pytest.approx((low, high), rel=1e-9)


@pytest.mark.parametrize(
    ("seen", "low", "high"),
    [
        ((20, 1000, 0, 1000), 0.0129822977, 0.0306932212),
        ((20, 1000, 5, 1000), 0.0057190054, 0.0262221642),
        ((37, 2000, 5, 1000), 0.0054682131, 0.0211599232),
        ((7, 350, 0, 350), 0.0090199718, 0.0407207146),
        ((5, 250, 1, 250), -0.0043141249, 0.0424674514),
        ((56, 70, 48, 80), 0.0528297132, 0.3381729400),
    ],
)
def test_reference_values_of_miettinens_and_nurminens_interval(seen: Arms, low: float, high: float) -> None:
    """The 95 % interval, to the digits given, which statsmodels 0.15 does not give."""
    interval = miettinen_nurminen(*seen)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5.1e-11)


@deterministic
@given(arms())
def test_fishers_test_agrees_with_scipy(seen: Arms) -> None:
    """scipy's hypergeometric tail is the same to 1e-9, relative down to 1e-250."""
    base, base_trials, fix, fix_trials = seen
    expected = float(scipy_stats.hypergeom.sf(base - 1, base_trials + fix_trials, base + fix, base_trials))
    assert fisher(*seen) == pytest.approx(expected, rel=1e-9, abs=1e-250)


def test_fishers_test_agrees_with_scipys_own() -> None:
    """It is the one-sided test that scipy names so."""
    table = [[20, 980], [5, 995]]
    assert fisher(20, 1000, 5, 1000) == pytest.approx(scipy_stats.fisher_exact(table, "greater").pvalue, rel=1e-9)


@deterministic
@given(arms(), st.floats(0.5, 0.9999))
def test_newcombes_interval_agrees_with_statsmodels(seen: Arms, confidence: float) -> None:
    """Its method of that name is the same to 1e-9."""
    from statsmodels.stats.proportion import confint_proportions_2indep  # type: ignore[import-untyped]  # slow to import

    base, base_trials, fix, fix_trials = seen
    expected = confint_proportions_2indep(
        base, base_trials, fix, fix_trials, method="newcomb", compare="diff", alpha=1 - confidence
    )
    interval = newcombe(*seen, confidence)
    assert (interval.low, interval.high) == pytest.approx(expected, abs=1e-9)


def score(seen: Arms, difference: float) -> float:
    """(seen - d)^2 / v(d) with 40 digits, at the root of the cubic equation that maximises the likelihood."""
    base, base_trials, fix, fix_trials = seen
    with mpmath.workdps(40):
        d, total = mpmath.mpf(difference), base_trials + fix_trials
        l3, l2 = total, (base_trials + 2 * fix_trials) * d - total - base - fix
        l1, l0 = (fix_trials * d - total - 2 * fix) * d + base + fix, fix * d * (1 - d)
        q = (l2 / (3 * l3)) ** 3 - l1 * l2 / (6 * l3**2) + l0 / (2 * l3)
        p = mpmath.sign(q) * mpmath.sqrt(abs((l2 / (3 * l3)) ** 2 - l1 / (3 * l3)))
        angle = (mpmath.pi + mpmath.acos(min(mpmath.mpf(1), max(mpmath.mpf(-1), q / p**3)))) / 3 if p else 0
        first = 2 * p * mpmath.cos(angle) - l2 / (3 * l3)  # of the arm whose rate is the other's less d
        second = first + d
        variance = second * (1 - second) / base_trials + first * (1 - first) / fix_trials
        gap = mpmath.mpf(base) / base_trials - mpmath.mpf(fix) / fix_trials - d
        return float(gap**2 / (variance * total / (total - 1)))


@deterministic
@given(arms(), st.floats(0.5, 0.9999))
def test_miettinens_and_nurminens_interval_is_what_it_is_defined_as(seen: Arms, confidence: float) -> None:
    """At each end the score is z squared, by their closed form with 40 digits."""
    z = float(scipy_stats.norm.isf((1 - confidence) / 2))
    interval = miettinen_nurminen(*seen, confidence)
    for end in (interval.low, interval.high):
        if abs(end) < 1:
            assert score(seen, end) == pytest.approx(z * z, rel=1e-6)


@pytest.mark.parametrize("method", [newcombe, miettinen_nurminen])
def test_properties_of_both_intervals(method: IntervalMethod) -> None:
    """An interval holds the difference seen, is turned round with the arms, and widens with the confidence."""

    @deterministic
    @given(arms(), st.floats(0.5, 0.999))
    def check(seen: Arms, confidence: float) -> None:
        base, base_trials, fix, fix_trials = seen
        interval = method(*seen, confidence)
        assert -1 <= interval.low <= base / base_trials - fix / fix_trials <= interval.high <= 1
        turned = method(fix, fix_trials, base, base_trials, confidence)
        assert (-turned.high, -turned.low) == pytest.approx((interval.low, interval.high), abs=1e-12)
        surer = method(*seen, (1 + confidence) / 2)
        assert surer.low <= interval.low
        assert interval.high <= surer.high

    check()


def test_arms_that_all_pass_or_all_fail() -> None:
    """Nothing is proved, and the interval is still one."""
    assert fisher(0, 10, 0, 10) == fisher(10, 10, 10, 10) == 1
    for method in (newcombe, miettinen_nurminen):
        for failures in (0, 10):
            interval = method(failures, 10, failures, 10)
            assert -1 < interval.low < 0 < interval.high < 1
    assert fisher(10, 10, 0, 10) == pytest.approx(1 / math.comb(20, 10), rel=1e-12)


@pytest.mark.parametrize("call", [fisher, newcombe, miettinen_nurminen])
@pytest.mark.parametrize(
    ("seen", "message"),
    [
        ((0, 0, 1, 5), "a difference needs trials of both arms"),
        ((1, 5, 0, 0), "a difference needs trials of both arms"),
        ((6, 5, 1, 5), "failures must be between 0 and the 5 trials, got 6"),
        ((1, 5, -1, 5), "failures must be between 0 and the 5 trials, got -1"),
    ],
)
def test_arguments_outside_the_domain_are_named(call: Callable[..., object], seen: Arms, message: str) -> None:
    """A value outside the domain raises ValueError, which says what is wrong."""
    with pytest.raises(ValueError, match=f"^{message}"):
        call(*seen)
