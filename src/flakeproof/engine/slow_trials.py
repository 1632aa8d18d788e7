"""Trials that take far longer than usual, told while they still run: the first sign of a hang."""

from collections import Counter
from collections.abc import Iterable, Mapping

from flakeproof.text import short_duration, whole_duration
from flakeproof_worker.shared.durations import quantile

_TIMES_THE_MEDIAN = 20
_LEAST_NS = 5_000_000_000
"""What takes less is worth no line."""
_UNKNOWN_NS = 30_000_000_000
"""How long a trial may take of which there is none to compare it with."""
_ENOUGH = 5
"""Trials that make a usual duration."""
_MOST = 10
"""Lines in all; who has so many knows."""


class Overdue:
    """Knows the usual duration, and what has been told."""

    def __init__(self, timeout: float | None) -> None:
        """`timeout` is the limit of a trial in seconds, for the message."""
        self._limit = "no time limit" if timeout is None else f"time limit {whole_duration(timeout)}"
        self._durations: Counter[int] = Counter()
        self._told: set[int] = set()

    def ended(self, durations: Iterable[tuple[int, int]]) -> None:
        """Count trials that have passed, by duration bucket."""
        for bucket, count in durations:
            self._durations[bucket] += count

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
                    f"{self._usual()}, {self._limit}"
                )

    def _limit_ns(self) -> float:
        median = quantile(self._durations, 0.5) if self._durations.total() >= _ENOUGH else None
        return _UNKNOWN_NS if median is None else max(_LEAST_NS, median * 1e9 * _TIMES_THE_MEDIAN)

    def _usual(self) -> str:
        median = quantile(self._durations, 0.5)
        return "none has passed yet" if median is None else f"usual are {short_duration(median)}"
