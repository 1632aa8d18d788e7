"""Whether processes can load the target: which of them tried, which failed, and how long loading may take."""

from collections import Counter
from collections.abc import Callable

from flakeproof.engine.endings import status_text
from flakeproof.engine.failure_records import innermost, stacks_in
from flakeproof.engine.messages import Unloadable
from flakeproof.events import AnyEvent, LoadFailed, Noted, ProcessLoaded
from flakeproof.failures.signature import normalised
from flakeproof.model import Failure, Outcome
from flakeproof.text import one_line, short_duration

_TRIES = 3
"""How many processes in a row may fail to load at one place before the place is given up."""
_SAME = 2
"""If so many processes fail with one error, and none loads, the target is broken."""
_TIMES_THE_LONGEST = 20
_SHORTEST_NS = 5_000_000_000
"""Once all trials have ended, a process may load for this long, or `_TIMES_THE_LONGEST` times the slowest load."""
_NOTED_NS = 1_000_000_000

Place = tuple[int, int]
"""The number of a place, and how many lanes it has."""


class Loading:
    """Follows each process of one run until it has loaded the target or failed to."""

    def __init__(self, emit: Callable[[AnyEvent], None]) -> None:
        self._emit = emit
        self._began: dict[int, int] = {}
        self._withheld: list[LoadFailed] = []
        """Failures while no process has loaded the target: if none ever does, the run ends with one error instead."""
        self._failed_at: Counter[int] = Counter()
        self._longest_ns = 0
        self._has_noted = False
        self.vacant: list[Place] = []
        """Places without a process for now."""
        self.any_loaded = False

    def begins(self, process: int, now: int) -> None:
        """A process has been started."""
        self._began[process] = now

    def loaded(self, process: int, place: int, now: int) -> None:
        """A process has loaded the target."""
        took = now - self._began.pop(process, now)
        self._longest_ns = max(self._longest_ns, took)
        self._failed_at[place] = 0
        self.any_loaded = True
        self._emit(ProcessLoaded(process=process, seconds=took / 1e9))
        for failed in self._withheld:
            self._emit(failed)
        self._withheld.clear()

    def failed(
        self, process: int, place: int, said: Unloadable | None, status: int, output: str, now: int, *, hung: bool
    ) -> None:
        """Note that a process ended before it had loaded the target; `said` is the reason that it sent, if any."""
        seconds = (now - self._began.pop(process, now)) / 1e9
        self._failed_at[place] += 1
        stacks = stacks_in(output)
        where = innermost(stacks)
        if said is not None:
            message, details = said.message, said.details
        elif hung:
            usual = f" (others took at most {short_duration(self._longest_ns / 1e9)})" if self._longest_ns else ""
            message, details = f"still loading after {short_duration(seconds)}{usual}", output
        else:
            message, details = f"the process ended ({status_text(status)}) while it was loading", output
        if said is None and where:
            message += f", at {where}"
        kind = "hangs while loading" if hung else f"not loaded: {normalised(message)}"
        event = LoadFailed(
            failure=Failure(
                trial=0,
                seed=0,
                process=process,
                duration=seconds,
                outcome=Outcome.NOT_LOADED,
                message=one_line(message),
                signature=kind,
                details={"stacks": stacks} if stacks else {},
                output=details.strip(),
            )
        )
        if self.any_loaded:
            self._emit(event)
        else:
            self._withheld.append(event)

    def is_hopeless(self) -> bool:
        """Whether no process has loaded the target, and so many have failed that none is expected to."""
        signatures = [failed.failure.signature for failed in self._withheld]
        return len(signatures) >= _TRIES or (len(signatures) >= _SAME and len(set(signatures)) == 1)

    def is_given_up(self, place: int) -> bool:
        """Whether so many processes in a row have failed at `place` that no more are started there."""
        return self._failed_at[place] >= _TRIES

    def abandoned(self, process: int, now: int) -> None:
        """Note that the run ends while a process is still loading; emit a note if it took unusually long."""
        took = now - self._began.pop(process, now)
        if self.any_loaded and took > max(_SHORTEST_NS, _TIMES_THE_LONGEST * self._longest_ns):
            self._emit(
                Noted(
                    message=f"a process had still not loaded the target when the run ended, after "
                    f"{short_duration(took / 1e9)} (others took at most {short_duration(self._longest_ns / 1e9)})"
                )
            )

    def limit_at_the_end(self, now: int) -> int:
        """How long a process may load (ns) once all trials have ended; emits a note that the run waits for it."""
        limit = max(_SHORTEST_NS, _TIMES_THE_LONGEST * self._longest_ns)
        oldest = min(self._began.values(), default=now)
        if not self._has_noted and now - oldest > _NOTED_NS:
            self._has_noted = True
            which = "a process is" if len(self._began) == 1 else f"{len(self._began)} processes are"
            text = f"all tests have ended, but {which} still loading the target, which may take"
            self._emit(Noted(message=f"{text} {short_duration(limit / 1e9)}"))
        return limit
