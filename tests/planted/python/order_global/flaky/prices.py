"""Prices as text."""

CURRENCY = "$"


def price(cents: int) -> str:
    """What to print."""
    return f"{CURRENCY}{cents / 100:.2f}"


def total(cents: list[int]) -> str:
    """What to print below the line."""
    return price(sum(cents))
