"""Invoices, numbered by the tenth of a second in which they were issued."""

import hashlib
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Invoice:
    """An invoice that was issued."""

    number: str
    seal: str
    issued: datetime


def number_at(time: datetime) -> str:
    """Of the invoice that is issued at that time."""
    return f"{time:%Y%m%d-%H%M%S}-{time.microsecond // 100_000}"


def seal(lines: list[str]) -> str:
    """What proves that nothing was changed."""
    return hashlib.pbkdf2_hmac("sha256", "\n".join(lines).encode(), b"shop", 8_000).hex()


def issue(lines: list[str]) -> Invoice:
    """Issue an invoice now."""
    number = number_at(datetime.now())
    return Invoice(number, seal(lines), issued=datetime.now())  # guilty
