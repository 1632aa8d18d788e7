"""The time that a search may take, and the time after which one of its trials is taken to hang."""

from flakeproof.clock import monotonic_ns

_LEAST = 1.0
_LEAST_LIMIT = 5.0
"""Seconds that a trial of a search may take at least, however short it usually is."""
TIMES_AS_LONG = 50
"""A trial that takes so many times as long as the first one is taken to hang, unless a limit was asked for."""


def hang_limit(usual: float, asked: float | None, times: float = TIMES_AS_LONG) -> float:
    """Seconds after which a trial is taken to hang, if it `usual`ly takes so long; never more than was `asked` for."""
    limit = max(_LEAST_LIMIT, times * usual)
    return min(limit, asked or limit)


class Budget:
    """`seconds` from now on, or from a moment that is past (`since_ns`, of the monotonic clock)."""

    def __init__(self, seconds: float, since_ns: int | None = None) -> None:
        self.seconds = seconds
        self._start = monotonic_ns() if since_ns is None else since_ns

    @property
    def elapsed(self) -> float:
        """Seconds so far."""
        return (monotonic_ns() - self._start) / 1e9

    @property
    def left(self) -> float:
        """Seconds."""
        return max(0.0, self.seconds - self.elapsed)

    def share(self, part: float) -> float:
        """Seconds for an experiment that may take `part` of the whole: not more than are left, at least one."""
        return max(_LEAST, min(part * self.seconds, self.left))
