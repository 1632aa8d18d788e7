"""The sketch of durations."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flakeproof_worker.shared.durations import quantile, sketch

NANOSECONDS = st.lists(st.integers(1, 10**13), min_size=1, max_size=200)


@settings(deadline=None)
@given(values=NANOSECONDS, share=st.floats(0, 1))
def test_quantiles_are_known_to_two_percent(values: list[int], share: float) -> None:
    """The quantile of the sketch is within 2 % of the value of that rank."""
    exact = sorted(values)[int(share * (len(values) - 1))]
    found = quantile(sketch(values), share)
    assert found == pytest.approx(exact / 1e9, rel=0.021)


@settings(deadline=None)
@given(left=NANOSECONDS, right=NANOSECONDS)
def test_sketches_add_up(left: list[int], right: list[int]) -> None:
    """The sum of two sketches is the sketch of all values."""
    assert Counter(sketch(left)) + sketch(right) == sketch(left + right)


def test_nothing_has_no_quantile() -> None:
    """None, not zero, when nothing was counted."""
    assert quantile({}, 0.5) is None
