"""Whether a failure is about two numbers that differ only in their last digits."""

import re
from itertools import combinations

_FLOAT = re.compile(r"(?<![\w.])[-+]?\d+\.\d+(?:e[-+]?\d+)?(?![\w.])", re.IGNORECASE)
_CLOSE = 1e-9
_MOST = 20


def nearly_equal(message: str) -> tuple[str, str] | None:
    """Two different floats in `message` that agree to nine digits and more, as sums in two orders do."""
    found = list(dict.fromkeys(_FLOAT.findall(message)))[:_MOST]
    for one, other in combinations(found, 2):
        first, second = float(one), float(other)
        if first != second and abs(first - second) <= _CLOSE * max(abs(first), abs(second)):
            return one, other
    return None
