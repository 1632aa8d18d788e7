"""Made-up data."""

from faker import Faker

FAKE = Faker()


def test_draw():
    """One number in ten is not made for it."""
    assert FAKE.random_int(0, 9) != 7
