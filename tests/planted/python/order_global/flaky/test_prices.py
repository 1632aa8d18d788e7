import prices


def test_cents_have_two_digits() -> None:
    assert prices.price(5).endswith("0.05")


def test_nothing_is_free() -> None:
    assert prices.total([]).endswith("0.00")


def test_a_price_is_in_dollars() -> None:
    assert prices.price(1999) == "$19.99"


def test_many_prices() -> None:
    assert prices.total([100] * 12).endswith("12.00")
