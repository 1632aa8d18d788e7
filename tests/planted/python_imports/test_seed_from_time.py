"""A generator whose seed is named, and is the time."""

import random
import time

GENERATOR = random.Random(time.time_ns())


def test_draw():
    """One draw in five is too small."""
    assert GENERATOR.random() > 0.2
