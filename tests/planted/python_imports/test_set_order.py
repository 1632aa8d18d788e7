"""The first of a set of strings, which the hash seed decides about."""

COLOURS = {"red", "green", "blue", "black"}


def test_first():
    """It may be each of the four."""
    assert next(iter(COLOURS)) != "red"
