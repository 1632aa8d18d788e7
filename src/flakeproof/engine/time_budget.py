"""The time that a diagnosis may take, shared out among experiments."""

from flakeproof.clock import monotonic_ns

_LEAST = 1.0


class Budget:
    """`seconds` from now on."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._start = monotonic_ns()

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
