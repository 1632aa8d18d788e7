"""Sets of trial numbers."""

from hypothesis import given
from hypothesis import strategies as st

from flakeproof.results.failure_positions import Ranges

BLOCKS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 8)))


@given(blocks=BLOCKS, first=st.integers(0, 50), count=st.integers(0, 50))
def test_it_is_a_set(blocks: list[tuple[int, int]], first: int, count: int) -> None:
    """Whatever overlaps or touches is one run; what is missing of a stretch is the rest of it."""
    ranges = Ranges(blocks)
    numbers = {number for start, size in blocks for number in range(start, start + size)}
    told = [number for start, size in ranges.blocks() for number in range(start, start + size)]
    assert told == sorted(numbers)
    assert len(ranges) == len(numbers)
    assert all((number in ranges) == (number in numbers) for number in range(60))
    assert ranges.end == max(numbers, default=-1) + 1
    missing = [number for start, size in ranges.missing(first, first + count) for number in range(start, start + size)]
    assert missing == [number for number in range(first, first + count) if number not in numbers]
    starts = [start for start, _ in ranges.blocks()]
    ends = [start + size for start, size in ranges.blocks()]
    assert all(end < start for end, start in zip(ends, starts[1:], strict=False))
