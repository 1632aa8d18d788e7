import random

PRICES = [19.99, 4.01, 0.1, 0.2, 4.71]


def check_totals():
    bill = sum(random.sample(PRICES, 5))
    again = sum(random.sample(PRICES, 5))
    assert bill == again, f"the bill is {bill}, the second time {again}"
