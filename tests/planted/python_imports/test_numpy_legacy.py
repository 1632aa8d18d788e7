"""A generator of the old kind of numpy, which starts from entropy."""

import numpy

GENERATOR = numpy.random.RandomState()


def test_draw():
    """One draw in five is too small."""
    assert GENERATOR.random_sample() > 0.2
