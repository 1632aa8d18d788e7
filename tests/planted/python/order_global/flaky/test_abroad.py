import prices


def test_prices_in_euros() -> None:
    prices.CURRENCY = "€"  # guilty
    assert prices.price(250).endswith("2.50")
    assert prices.total([250, 50]) == "€3.00"
