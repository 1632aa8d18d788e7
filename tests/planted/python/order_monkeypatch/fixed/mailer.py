"""Letters to customers."""

import json
from typing import Any


def deliver(letter: dict[str, Any]) -> str:
    """Hand a letter over; returns what was handed over."""
    return json.dumps(letter, sort_keys=True)


def remind(name: str, days: int) -> str:
    """Remind somebody."""
    return deliver({"to": name, "text": f"{days} days left"})


def welcome(name: str) -> str:
    """Welcome somebody."""
    return deliver({"to": name, "text": "welcome"})
