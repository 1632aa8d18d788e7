"""Vouchers with a code to type in."""

import random


def codes(count: int) -> list[str]:
    """Codes of four digits, one for each voucher."""
    return [f"{number:04}" for number in random.sample(range(10_000), count)]
