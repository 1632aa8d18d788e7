"""The usual duration of a trial, the time limit that follows from it, and trials that take far longer."""

from collections import Counter
from collections.abc import Iterable, Mapping

from flakeproof.text import short_duration, whole_duration
from flakeproof_worker.shared.durations import quantile

ENOUGH = 5
"""How many trials must have passed for a usual duration to be known."""
_TIMES_THE_MEDIAN = 20
_TIMES_THE_LONGEST = 4
"""A trial as long as the longest that passed is no hang: the distribution of durations can have several peaks."""
_LEAST = 10.0
"""Seconds that a trial may always take."""


class UsualDuration:
    """Counts the durations of trials that passed."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self._longest = 0
        self.total = 0
        """How many trials were counted."""

    def passed(self, durations: Iterable[tuple[int, int]]) -> None:
        """Count trials, by bucket (`flakeproof_worker.shared.durations`)."""
        for bucket, count in durations:
            self._buckets[bucket] += count
            self._longest = max(self._longest, bucket)
            self.total += count

    @property
    def is_known(self) -> bool:
        """Whether enough trials have passed to speak of a usual duration."""
        return self.total >= ENOUGH

    @property
    def median(self) -> float | None:
        """Median in seconds; None before any trial has passed."""
        return quantile(self._buckets, 0.5)

    @property
    def longest(self) -> float | None:
        """Seconds of the longest trial that has passed; None before any has."""
        return quantile({self._longest: 1}, 0.5) if self._buckets else None


class TimeLimit:
    """How long a trial may take: the user's limit, or else a multiple of the usual duration, once that is known."""

    def __init__(self, first: float | None, usual: UsualDuration, *, adapts: bool) -> None:
        """`first` is the limit in seconds (None: no limit); with `adapts`, only until a usual duration is known."""
        self.first = first
        """Limit in seconds at the beginning, which also limits loading the target."""
        self._usual = usual
        self._adapts = adapts
        self._known_of = -1
        self._known: tuple[float | None, str] = first, ""

    @property
    def seconds(self) -> float | None:
        """The limit that is in force now."""
        return self._chosen()[0]

    def words(self, seconds: float) -> str:
        """Describe a trial that was stopped after `seconds`, such as `ran over 34s: 20 times the 1.7s that …`."""
        limit, why = self._chosen()
        if not why or limit is None:
            return f"timed out after {seconds:.3g}s"
        return f"ran over {whole_duration(limit)}: {why}; --timeout changes that"

    def _chosen(self) -> tuple[float | None, str]:
        """The limit, and the reason for it if flakeproof has chosen it."""
        if self._known_of != self._usual.total:
            self._known_of, self._known = self._usual.total, self._choose()
        return self._known

    def _choose(self) -> tuple[float | None, str]:
        median, longest = self._usual.median, self._usual.longest
        if not self._adapts or not self._usual.is_known or median is None or longest is None:
            return self.first, ""
        takes, most = short_duration(median), short_duration(longest)
        choices = [
            (_LEAST, f"the least that a test may take, and it usually takes {takes}"),
            (_TIMES_THE_MEDIAN * median, f"{_TIMES_THE_MEDIAN} times the {takes} that it usually takes"),
            (_TIMES_THE_LONGEST * longest, f"{_TIMES_THE_LONGEST} times the {most} of the longest that has passed"),
        ]
        return max(choices)


_SLOW_FROM = 20
_LEAST_NS = 5_000_000_000
"""A trial that takes less than this is not mentioned."""
_UNKNOWN_NS = 30_000_000_000
"""Duration from which a trial is mentioned while no usual duration is known."""
_MOST = 10
"""Most lines in all: more would be nothing new."""


class Overdue:
    """Finds trials that are unusually slow, and remembers which ones it has reported."""

    def __init__(self, usual: UsualDuration, limit: TimeLimit) -> None:
        """`limit` is the time limit of a trial, for the message."""
        self._usual = usual
        self._limit = limit
        self._mentioned: set[int] = set()

    def look(self, flying: Mapping[int, int], now: int, item: str = "") -> Iterable[str]:
        """Lines about the trials in `flying` (number to start, monotonic ns) that have just become overdue.

        `item` is the pytest item that they have reached, if known.
        """
        limit = None
        for trial, start in flying.items():
            if now - start < _LEAST_NS or trial in self._mentioned or len(self._mentioned) >= _MOST:
                continue
            if limit is None:
                limit = self._limit_ns()
            if now - start >= limit:
                self._mentioned.add(trial)
                where = f" (in {item})" if item else ""
                yield (
                    f"test {trial}{where} has been running for {whole_duration((now - start) / 1e9)}; "
                    f"{self._usually()}, {self._limited()}"
                )

    def _limit_ns(self) -> float:
        median = self._usual.median if self._usual.is_known else None
        return _UNKNOWN_NS if median is None else max(_LEAST_NS, median * 1e9 * _SLOW_FROM)

    def _limited(self) -> str:
        seconds = self._limit.seconds
        return "no time limit" if seconds is None else f"time limit {whole_duration(seconds)}"

    def _usually(self) -> str:
        median = self._usual.median
        return "no test has passed yet" if median is None else f"tests usually take {short_duration(median)}"
