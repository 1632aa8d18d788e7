import random

import pytest


def test_prices():
    assert sum([1, 2, 3]) == 6


def test_order():
    basket = ["tea", "cup"]
    if random.random() < 0.05:
        basket.reverse()
    assert basket == ["tea", "cup"]


@pytest.mark.stress(count=200, max_rate=0.1)
def test_delivery():
    assert random.random() > 0.02
