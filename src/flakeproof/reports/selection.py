"""Which failures are shown one by one: the first of each kind, or more of them, so that a million stays readable."""

from collections import Counter
from enum import Enum

_SEVERAL = 10
_KINDS_LIMIT = 50


class Shown(Enum):
    """Which failures of one kind are shown when they happen."""

    FIRST = "first"
    SEVERAL = "several"
    """1 to 10, then 20, 50, 100, 200, 500, …"""
    ALL = "all"


class Selection:
    """Decides for each failure, in order."""

    def __init__(self, shown: Shown = Shown.FIRST) -> None:
        self._shown = shown
        self._seen: Counter[str] = Counter()

    def shows(self, kind: str) -> bool:
        """Whether the next failure of this kind is shown."""
        key = kind if kind in self._seen or len(self._seen) < _KINDS_LIMIT else ""
        self._seen[key] += 1
        count = self._seen[key]
        match self._shown:
            case Shown.ALL:
                return True
            case Shown.SEVERAL:
                return count <= _SEVERAL or _is_round(count)
        return count == 1


def _is_round(count: int) -> bool:
    digits = str(count)
    return digits[0] in "125" and not digits[1:].strip("0")
