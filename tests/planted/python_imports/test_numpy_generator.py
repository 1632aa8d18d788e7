"""A generator of numpy, which starts from entropy."""

import numpy

GENERATOR = numpy.random.default_rng()


def test_draw():
    """One draw in five is too small."""
    assert GENERATOR.random() > 0.2
