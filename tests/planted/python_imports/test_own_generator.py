"""A generator of its own, which starts from entropy."""

import random

GENERATOR = random.Random()


def test_draw():
    """One draw in ten is too small."""
    assert GENERATOR.random() > 0.1
