"""Tables and several tests at once, against scipy."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats  # type: ignore[import-untyped]

from flakeproof.stats.tables import fisher_greater, fisher_noncentral, holm, log_choose

deterministic = settings(derandomize=True, deadline=None, max_examples=100)
cells = st.integers(0, 40) | st.integers(0, 2000)


@deterministic
@given(cells, cells, cells, cells)
def test_fisher_agrees_with_scipy(a: int, b: int, c: int, d: int) -> None:
    """To nine digits, also far out in a tail."""
    expected = float(stats.fisher_exact([[a, b], [c, d]], alternative="greater").pvalue)
    assert fisher_greater(((a, b), (c, d))) == pytest.approx(expected, rel=1e-9, abs=1e-290)


@deterministic
@given(st.integers(0, 10**7), st.data())
def test_the_binomial_coefficient_agrees_with_scipy(total: int, data: st.DataObject) -> None:
    """In logarithms."""
    chosen = data.draw(st.integers(0, total))
    expected = -special.betaln(chosen + 1, total - chosen + 1) - special.log1p(total)
    assert log_choose(total, chosen) == pytest.approx(float(expected), rel=1e-9, abs=1e-9)


@deterministic
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closed_form_of_its_steps(values: list[float]) -> None:
    """A test is found at a level if it and all with a smaller p-value pass their own."""
    found = holm(values)
    for level in (0.01, 0.05, 0.3):
        ranked = sorted(range(len(values)), key=lambda index: values[index])
        accepted = set()
        for rank, index in enumerate(ranked):
            if (len(values) - rank) * values[index] > level:
                break
            accepted.add(index)
        assert {index for index, value in enumerate(found) if value <= level} == accepted
    assert holm([]) == []


def test_counts_below_none() -> None:
    """They are named."""
    with pytest.raises(ValueError, match="counts must be 0 or more"):
        fisher_greater(((1, -1), (0, 0)))


@pytest.mark.parametrize(
    "table", [((14, 46), (0, 30)), ((3, 7), (2, 8)), ((0, 5), (2, 3)), ((109, 891), (0, 500)), ((9, 0), (9, 0))]
)
@pytest.mark.parametrize("odds", [0.2, 1.0, 3.0, 10.0])
def test_noncentral_against_scipy(table: tuple[tuple[int, int], tuple[int, int]], odds: float) -> None:
    """Fisher's noncentral hypergeometric distribution."""
    (a, b), (c, d) = table
    expected = stats.nchypergeom_fisher(a + b + c + d, a + c, a + b, odds).sf(a - 1)
    assert fisher_noncentral(table, odds) == pytest.approx(expected, rel=1e-6, abs=1e-12)
    if odds == 1.0:
        assert fisher_noncentral(table, odds) == pytest.approx(fisher_greater(table), rel=1e-9)


def test_noncentral_of_what_is_no_table() -> None:
    """Negative counts and odds."""
    with pytest.raises(ValueError, match="counts must be 0 or more"):
        fisher_noncentral(((1, -1), (0, 0)), 2.0)
    with pytest.raises(ValueError, match="odds must be positive"):
        fisher_noncentral(((1, 1), (0, 0)), 0.0)
