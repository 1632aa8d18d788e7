"""Two numbers that differ in their last digits."""

import pytest

from flakeproof.features.diagnose.code_hints import Sum, nearly_equal, sums


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("assert 0.6000000000000001 == 0.6", ("0.6000000000000001", "0.6")),
        ("the bill is 33.209999999999994, the second time 33.21", ("33.209999999999994", "33.21")),
        ("AssertionError: -1.5e+300 is not -1.5000000000000004e300", ("-1.5e+300", "-1.5000000000000004e300")),
        ("assert 1.0 == 2.0", None),
        ("assert 0.1 == 0.1", None),
        ("version 1.2.3 is not 1.2.4", None),
        ("assert 3 == 4", None),
        ("took 0.300001 seconds instead of 0.3", None),
    ],
)
def test_nearly_equal(message: str, found: tuple[str, str] | None) -> None:
    """Only rounding is that close; numbers of versions are no floats."""
    assert nearly_equal(message) == found


def test_where_numbers_are_added_up() -> None:
    """One by one in a loop, or at once; a counter outside of a loop is no sum."""
    source = (
        "def total(parts):\n    result = 0.0\n    for part in parts:\n        result += part\n    return result\n"
        "def other(parts):\n    count = 1\n    count += 1\n    return sum(parts)\n"
    )
    assert sums(source) == [Sum(4, "total", one_by_one=True), Sum(9, "other", one_by_one=False)]
    assert sums("def f(:") == []
