"""Vouchers with a code to type in."""

import random


def codes(count: int) -> list[str]:
    """Codes of four digits, one for each voucher."""
    return [f"{random.randrange(10_000):04}" for _ in range(count)]  # guilty
