"""Which test somebody means."""

import pytest

from flakeproof.errors import UsageError
from flakeproof.features.isolate.named_tests import named

ITEMS = [
    "tests/test_a.py::test_x",
    "tests/test_a.py::TestX::test_x",
    "tests/test_a.py::test_n[1]",
    "tests/test_a.py::test_n[2]",
]


@pytest.mark.parametrize(
    "name",
    [
        "tests/test_a.py::test_x",
        "./tests/test_a.py::test_x",
        "test_a.py::test_x",
        "/home/me/shop/tests/test_a.py::test_x",
    ],
)
def test_the_ways_to_write_it(name: str) -> None:
    """As pytest shows it, and as one types it elsewhere."""
    assert named(name, ITEMS, "/home/me/shop") == "tests/test_a.py::test_x"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tests/test_a.py::test_n", "2 tests: tests/test_a.py::test_n[1], tests/test_a.py::test_n[2]"),
        ("tests/test_a.py", "is 4 tests"),
        ("tests/test_b.py::nothing", "is not among the 4 tests"),
    ],
)
def test_what_is_not_one_test(name: str, message: str) -> None:
    """It is refused, with what there is."""
    with pytest.raises(UsageError) as refused:
        named(name, ITEMS, "/home/me/shop")
    assert message in refused.value.message
