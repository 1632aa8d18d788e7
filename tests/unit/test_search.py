"""The least number that is enough, found with few questions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flakeproof.stats.detection import fewest


@given(st.integers(1, 10**30), st.integers(1, 10**6))
def test_the_least_number_is_found(wanted: int, start: int) -> None:
    """From the start on, and not before it."""
    assert fewest(lambda number: number >= wanted, start) == max(wanted, start)


@given(st.integers(1, 10**12), st.sampled_from([1e-3, 0.1]))
def test_a_tolerance_is_kept_and_saves_questions(wanted: int, within: float) -> None:
    """The answer is enough, and too large by no more than the share allowed."""
    asked: list[int] = []

    def enough(number: int) -> bool:
        asked.append(number)
        return number >= wanted

    found = fewest(enough, within=within)
    assert wanted <= found <= wanted / (1 - within)
    assert len(asked) <= 1 + wanted.bit_length() + 11


@pytest.mark.parametrize("start", [1, 7])
def test_the_start_may_be_enough(start: int) -> None:
    """Then it is the answer."""
    assert fewest(lambda _: True, start) == start
