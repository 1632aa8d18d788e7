"""Numbers and durations as people write and read them."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flakeproof import text

shares = st.floats(0, 1, exclude_min=True, exclude_max=True)


@given(st.integers(0, 10**12), st.integers(1, 10**12), st.integers(0, 4))
def test_a_percentage_is_0_or_100_only_if_exact(part: int, whole: int, digits: int) -> None:
    """However close it comes, what is not all is not 100 %, and what is not nothing is not 0 %."""
    assume(part <= whole)

    shown = text.percent(part, whole, digits).strip("<>%")

    assert (float(shown) == 0) == (part == 0)
    assert (float(shown) == 100) == (part == whole)
    assert abs(float(shown) - 100 * part / whole) <= 0.5 or "<" in text.percent(part, whole)


@given(shares)
def test_interval_ends_are_rounded_outward(value: float) -> None:
    """The interval that is printed contains the one that was computed, and never ends in 0 % or 100 %."""
    low, high = text.lower(value), text.upper(value)

    assert low != "100%"
    assert high not in ("0%", "100%")
    assert low != "0%" or value < 1e-12
    if not low.startswith(">") and not high.startswith("<"):
        assert float(low[:-1]) <= 100 * value * (1 + 1e-8)
        assert float(high[:-1]) >= 100 * value * (1 - 1e-8)


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        (0.0, "0%", "0%"),
        (1.0, "100%", "100%"),
        (0.0029912495, "0.29%", "0.30%"),
        (0.02, "2.00%", "2.00%"),
        (0.0177123, "1.77%", "1.78%"),
        (0.99999, "99.99%", "99.999%"),
        (0.00001, "0.0010%", "0.0010%"),
    ],
)
def test_interval_ends_in_print(value: float, low: str, high: str) -> None:
    """Two decimals from 1 % on, two significant digits below."""
    assert (low, high) == (text.lower(value), text.upper(value))


@given(shares)
def test_a_rate_is_read_as_it_is_written(value: float) -> None:
    """What is printed for a chosen rate reads back as nearly the same rate."""
    shown = text.rate(value)

    if not shown.startswith(">"):
        assert math.isclose(text.parse_rate(shown), value, rel_tol=1e-3, abs_tol=1e-15)
        assert text.parse_rate(shown) != 1


@pytest.mark.parametrize(
    ("written", "value"),
    [("2%", 0.02), ("99.99%", 0.9999), ("0.02", 0.02), ("3/200", 0.015), (" 2 % ", 0.02), ("0", 0.0), ("100%", 1.0)],
)
def test_rates(written: str, value: float) -> None:
    """A percentage is exactly the decimal that it means."""
    assert value == text.parse_rate(written)


@pytest.mark.parametrize(
    "written", ["", "2", "%", "-5%", "150%", "nan", "inf", "1e400", "3/0", "-3/-200", "a/b", "1/2/3"]
)
def test_what_is_no_rate_is_refused(written: str) -> None:
    """The value is named."""
    with pytest.raises(ValueError, match=r"rate|more than 1"):
        text.parse_rate(written)


@given(st.floats(0, 10**8))
def test_a_duration_is_read_as_it_is_written(seconds: float) -> None:
    """`1h02m03s` and its like are understood again, to the precision in which they are written."""
    assert math.isclose(text.parse_duration(text.duration(seconds)), seconds, abs_tol=0.051 if seconds < 3600 else 0.51)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("5ms", 0.005), ("90s", 90.0), ("1m30s", 90.0), ("2h", 7200.0), ("7", 7.0), ("1.5s", 1.5), ("10us", 1e-5)],
)
def test_durations(written: str, seconds: float) -> None:
    """The forms of Go, and a bare number of seconds."""
    assert math.isclose(seconds, text.parse_duration(written))


@pytest.mark.parametrize("written", ["", "-3", "inf", "nan", "1e9", "5 parsecs", "3m 2", "9" * 400, "1m30"])
def test_what_is_no_duration_is_refused(written: str) -> None:
    """The message is short whatever was written."""
    with pytest.raises(ValueError, match="is not a duration") as raised:
        text.parse_duration(written)
    assert len(str(raised.value)) < 150


@given(st.integers(0, 10**12))
def test_a_whole_number_is_read_with_and_without_separators(value: int) -> None:
    """2000, 2,000 and 2_000 are the same."""
    for shown in (f"{value}", f"{value:,}", f"{value:_}"):
        assert value == text.parse_whole(shown, 0, 10**12)


@pytest.mark.parametrize("written", ["", "1e30", "2k", "1.5", "1,0", "1,,000", "--1", "1_", "0x10", "٣", "9" * 5000])
def test_what_is_no_whole_number_is_refused(written: str) -> None:
    """Nothing is guessed, and the message is short."""
    with pytest.raises(ValueError, match="is not") as raised:
        text.parse_whole(written, 1, 10**12)
    assert len(str(raised.value)) < 150


@given(st.text(), st.integers(10, 300))
def test_one_line_is_one_printable_line(message: str, limit: int) -> None:
    """Whatever a test says, it cannot break or paint the lines of the console."""
    shown = text.one_line(message, limit)

    assert shown.isprintable()
    assert len(shown) <= limit


@given(st.floats(0, 1e12))
def test_what_is_slow_or_rare_is_not_nothing(value: float) -> None:
    """A speed or an expected number is 0 only if it is."""
    for shown in (text.speed(value), text.expected(value)):
        assert (shown == "0") == (value == 0)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1.0, "p = 1.00"),
        (0.25, "p = 0.25"),
        (0.00377, "p = 0.0038"),
        (1e-6, "p = 0.0000010"),
        (9.9e-7, "p < 10^-6"),
        (3e-9, "p < 10^-8"),
        (0.0, "p < 10^-300"),
    ],
)
def test_probabilities(value: float, shown: str) -> None:
    """Two digits, or a power of ten that it is below; never 0."""
    assert text.probability(value) == shown
