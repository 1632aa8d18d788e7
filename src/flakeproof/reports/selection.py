"""Which failures are shown one by one: the first of each kind, then ever fewer, so that a million stays readable."""

from collections import Counter

_ALL_UP_TO = 10
_IN_FULL_UP_TO = 3
_KINDS_LIMIT = 50


class Selection:
    """Decides for each failure, in order."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self.hidden = 0

    def shows(self, signature: str) -> bool:
        """Whether the next failure with this signature is shown: 1 to 10, then 20, 50, 100, 200, 500, …"""
        key = self._key(signature)
        self._seen[key] += 1
        count = self._seen[key]
        shown = count <= _ALL_UP_TO or _is_round(count)
        self.hidden += not shown
        return shown

    def shows_output(self, signature: str) -> bool:
        """Whether its output and stacks are shown, too; asked after `shows`."""
        return self._seen[self._key(signature)] <= _IN_FULL_UP_TO

    def _key(self, signature: str) -> str:
        return signature if signature in self._seen or len(self._seen) < _KINDS_LIMIT else ""


def _is_round(count: int) -> bool:
    digits = str(count)
    return digits[0] in "125" and not digits[1:].strip("0")
