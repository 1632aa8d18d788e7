"""What is not counted of a run that ends with its last allowed failure."""

from collections.abc import Mapping


class Surplus:
    """What is not counted of a run that ends with its last allowed failure: trials that were in flight then.

    Failures arrive at once and passes in batches, each of which is sent before the next failure of its process. So what
    a process had finished by then still counts as far as it passed before the next failure there.
    """

    def __init__(self) -> None:
        self._room: dict[int, int] | None = None
        """For each process, how many passes may still arrive that count; None while the run goes on."""
        self._passed = self._failed = 0

    def begin(self, unreported: Mapping[int, int]) -> None:
        """The run is over; `unreported` trials of each process had ended by then, and their outcome has not arrived."""
        self._room = dict(unreported)

    def passed(self, process: int, count: int) -> int:
        """How many of `count` passes that arrive from `process` are counted."""
        if self._room is None:
            return count
        counted = min(count, self._room.get(process, 0))
        self._room[process] = self._room.get(process, 0) - counted
        self._passed += count - counted
        return counted

    def failed(self, process: int) -> bool:
        """Whether a failure that arrives from `process` is not counted."""
        if self._room is None:
            return False
        self._room[process] = 0
        self._failed += 1
        return True

    def told(self) -> str:
        """What is said of it; "" if there is nothing to say."""
        trials = self._passed + self._failed
        if not trials:
            return ""
        were = "test was" if trials == 1 else "tests were"
        return f"{trials} {were} still in flight when the run stopped: not counted ({self._failed} failed)"
