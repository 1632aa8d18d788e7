"""Invoices, numbered by the second in which they were issued."""

import hashlib
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Invoice:
    """An invoice that was issued."""

    number: str
    seal: str
    issued: datetime


def seal(lines: list[str]) -> str:
    """What proves that nothing was changed."""
    return hashlib.pbkdf2_hmac("sha256", "\n".join(lines).encode(), b"shop", 40_000).hex()


def issue(lines: list[str]) -> Invoice:
    """Issue an invoice now."""
    number = f"{datetime.now():%Y%m%d-%H%M%S}"
    return Invoice(number, seal(lines), issued=datetime.now())  # guilty
