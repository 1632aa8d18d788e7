"""Trials that take far longer than usual, told while they still run: the first sign of a hang."""

from collections.abc import Iterable, Mapping

from flakeproof.engine.usual_duration import TimeLimit, UsualDuration
from flakeproof.text import short_duration, whole_duration

_TIMES_THE_MEDIAN = 20
_LEAST_NS = 5_000_000_000
"""What takes less is worth no line."""
_UNKNOWN_NS = 30_000_000_000
"""How long a trial may take of which there is none to compare it with."""
_MOST = 10
"""Lines in all; who has so many knows."""


class Overdue:
    """Knows what has been told."""

    def __init__(self, usual: UsualDuration, limit: TimeLimit) -> None:
        """`limit` is that of a trial, for the message."""
        self._usual = usual
        self._limit = limit
        self._told: set[int] = set()

    def look(self, flying: Mapping[int, int], now: int, item: str = "") -> Iterable[str]:
        """Lines about the trials in `flying` (number to start, monotonic ns) that are overdue for the first time.

        `item` is the pytest item that they have come to, where that is known.
        """
        limit = None
        for trial, start in flying.items():
            if now - start < _LEAST_NS or trial in self._told or len(self._told) >= _MOST:
                continue
            if limit is None:
                limit = self._limit_ns()
            if now - start >= limit:
                self._told.add(trial)
                where = f" (in {item})" if item else ""
                yield (
                    f"test {trial}{where} has been running for {whole_duration((now - start) / 1e9)}; "
                    f"{self._usually()}, {self._limited()}"
                )

    def _limit_ns(self) -> float:
        median = self._usual.median if self._usual.is_known else None
        return _UNKNOWN_NS if median is None else max(_LEAST_NS, median * 1e9 * _TIMES_THE_MEDIAN)

    def _limited(self) -> str:
        seconds = self._limit.seconds
        return "no time limit" if seconds is None else f"time limit {whole_duration(seconds)}"

    def _usually(self) -> str:
        median = self._usual.median
        return "none has passed yet" if median is None else f"usual are {short_duration(median)}"
