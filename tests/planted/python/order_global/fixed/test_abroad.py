import prices
import pytest


def test_prices_in_euros(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "CURRENCY", "€")
    assert prices.price(250).endswith("2.50")
    assert prices.total([250, 50]) == "€3.00"
