"""A secret, drawn at import."""

import secrets

TOKEN = secrets.randbelow(5)


def test_token():
    """One of the five is not allowed."""
    assert TOKEN != 4
