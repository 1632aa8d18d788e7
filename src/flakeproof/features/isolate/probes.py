"""Passes over chosen tests, one order after the other, in forks of a process that has collected once."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flakeproof.clock import monotonic_ns
from flakeproof.engine import limits
from flakeproof.engine.dispatcher import Dispatcher
from flakeproof.engine.execute import signals_stop
from flakeproof.engine.leases import Block, Order
from flakeproof.engine.noise import surroundings
from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.errors import CannotRunError, Stop
from flakeproof.events import AnyEvent, ItemsCollected, Noted, TrialFailed, TrialLost, TrialPassed, TrialSkipped
from flakeproof.model import Failure, ItemOutcome, RunSpec
from flakeproof_worker.system.folders import shared_folders
from flakeproof_worker.system.private_files import refusal

_TICK = 0.05


class PartOverError(Exception):
    """A part of the search has had the time that was meant for it."""


class ProbingStoppedError(Exception):
    """There is no time for another probe, or somebody has ended it."""

    def __init__(self, reason: Stop) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.ran: dict[int, Ran] = {}
        """What was known then of the orders that somebody waited for, by their places."""


@dataclass(frozen=True)
class Ran:
    """How one order ran."""

    trial: int
    order: Order
    items: Mapping[str, ItemOutcome]
    """What did not simply pass."""
    failures: Sequence[Failure]
    is_complete: bool
    """Whether it came to its end: otherwise nothing is known of what `items` does not name."""
    found: Mapping[str, Any]
    reason: str = ""
    """Why it was skipped as a whole, or lost."""


@dataclass
class _Queue:
    """Orders that wait for a process, as trials (`Work` and `Orders` of the dispatcher)."""

    next_trial: int
    is_over: bool = False
    left: int | None = None
    """0 from when no process is needed any more."""
    orders: dict[int, Order] = field(default_factory=dict)
    ran: dict[int, Ran] = field(default_factory=dict)
    _waiting: deque[int] = field(default_factory=deque)
    _found: dict[int, dict[str, Any]] = field(default_factory=dict)

    def add(self, orders: Sequence[Order]) -> list[int]:
        """Queue `orders`; the numbers of their trials."""
        numbers = list(range(self.next_trial, self.next_trial + len(orders)))
        self.next_trial += len(orders)
        self.orders.update(zip(numbers, orders, strict=True))
        self._waiting.extend(numbers)
        return numbers

    def forget(self) -> None:
        """Nobody waits any more for what has not been started."""
        for number in self._waiting:
            del self.orders[number]
        self._waiting.clear()

    def take(self, place: int, wanted: int) -> Block | None:
        if not self._waiting:
            return None
        first = self._waiting.popleft()
        count = 1
        while count < wanted and self._waiting and self._waiting[0] == first + count:
            self._waiting.popleft()
            count += 1
        return first, count

    def put_back(self, place: int, blocks: list[Block]) -> None:
        for first, count in blocks:
            self._waiting.extend(range(first, first + count))

    def order_of(self, trial: int) -> Order:
        return self.orders[trial]

    def found(self, trial: int, found: dict[str, Any]) -> None:
        self._found[trial] = found

    def ended(self, place: int, event: AnyEvent) -> None:
        match event:
            case TrialPassed():
                self._note(event.trial, event.items, [], is_complete=True)
            case TrialFailed():
                complete = not event.cut_short
                self._note(event.failure.trial, event.items, [event.failure, *event.further], is_complete=complete)
            case TrialSkipped():
                self._note(event.trial, event.items, [], is_complete=True, reason=event.reason)
            case TrialLost():
                self._note(event.trial, {}, [], is_complete=False, reason=event.reason)

    def _note(
        self,
        trial: int,
        items: Mapping[str, ItemOutcome],
        failures: Sequence[Failure],
        *,
        is_complete: bool,
        reason: str = "",
    ) -> None:
        found = self._found.pop(trial, {})
        self.ran[trial] = Ran(trial, self.orders.pop(trial), items, failures, is_complete, found, reason)


class Probing:
    """A process that has collected, and what it is asked to run."""

    def __init__(self, spec: RunSpec, temporary: str, run_id: str) -> None:
        """`spec.duration` is the time for everything from now on, collection included."""
        self._queue = _Queue(spec.first)
        self._stop: Stop | None = None
        self._deadline = None if spec.duration is None else monotonic_ns() + int(spec.duration * 1e9)
        self._part_ends: int | None = None
        self._spec = spec
        self._temporary = temporary
        self.shares_files = ""
        """Why probes have no files of their own; "" if they have."""
        self.at_once = spec.workers
        """Orders that run side by side."""
        self.items: list[str] = []
        """What pytest has collected, in its order."""
        self.notes: list[str] = []
        self.count = 0
        """Orders that have run."""
        self._dispatcher = Dispatcher(
            spec.bare(adapts_timeout=False),  # what is usual for a few tests is not for many
            temporary,
            temporary,
            run_id,
            self._hear,
            self._queue,
            orders=self._queue,
        )

    def stop(self, reason: Stop) -> None:
        """End early; a second request does not wait. Safe in a signal handler."""
        if self._stop is None:
            self._stop = reason
        else:
            self._dispatcher.stop(reason)

    @property
    def stopped(self) -> Stop | None:
        """Why it is over before it was finished."""
        return self._stop

    def collect(self) -> None:
        """Start the process and wait until it has collected. Raises CannotRunError, UsageError, ProbingStoppedError."""
        self._dispatcher.start()
        room = Path(self._temporary, "room")
        room.mkdir()
        self.shares_files = refusal(shared_folders(self._spec.target.folder), str(room)) or ""
        while not self._dispatcher.has_started:
            self._step()

    def run(self, orders: Sequence[Order]) -> list[Ran]:
        """Run each of `orders`. Raises CannotRunError or ProbingStoppedError."""
        numbers = self._queue.add(orders)
        self._dispatcher.wake(0)
        try:
            while any(number not in self._queue.ran for number in numbers):
                self._step()
        except ProbingStoppedError as stopped:
            known = self._queue.ran
            stopped.ran = {place: known[number] for place, number in enumerate(numbers) if number in known}
            raise
        self.count += len(numbers)
        return [self._queue.ran.pop(number) for number in numbers]

    def check(self) -> None:
        """Raise ProbingStoppedError when it is to end."""
        if self._stop is None and self._deadline is not None and monotonic_ns() >= self._deadline:
            self._stop = Stop.DURATION
        if self._stop is not None:
            raise ProbingStoppedError(self._stop)
        if self._part_ends is not None and monotonic_ns() >= self._part_ends:
            raise PartOverError

    @contextmanager
    def part(self, share: float) -> Iterator[None]:
        """A part of the search that may take this `share` of all the time; no more is run of it when it has."""
        before = self._part_ends
        whole = self._spec.duration
        if whole is not None:
            self._part_ends = min(before or 2**63, monotonic_ns() + int(share * whole * 1e9))
        try:
            yield
        except PartOverError:
            self._queue.forget()
            if before is not None and monotonic_ns() >= before:
                raise
        finally:
            self._part_ends = before

    def finish(self) -> None:
        """Let the process end as pytest does, but do not wait for it."""
        self._queue.is_over, self._queue.left = True, 0
        self._dispatcher.wake(0)

    def close(self) -> None:
        """Wait for the process if it was to finish, and end it in any case."""
        while self._queue.is_over and self._dispatcher.is_running and self._stop is None:
            self._dispatcher.step(_TICK)
        self._dispatcher.close()

    def _step(self) -> None:
        self.check()
        self._dispatcher.step(_TICK)
        if not self._dispatcher.is_running:
            raise CannotRunError("the process that runs the tests ended, and no other could be started")

    def _hear(self, event: AnyEvent) -> None:
        match event:
            case ItemsCollected():
                self.items = event.items
            case Noted():
                self.notes.append(event.message)


@contextmanager
def probing(spec: RunSpec, run_id: str) -> Iterator[Probing]:
    """A process for the tests of `spec`, which has not collected yet; nothing is left of it at the end.

    SIGINT and SIGTERM stop it. Raises UsageError or CannotRunError.
    """
    limits.check(spec)
    with temporary_root() as temporary:
        found = Probing(spec, temporary, run_id)
        around = surroundings([spec.perturbations], temporary, run_id, found.notes.append)
        with signals_stop(found.stop), around:
            try:
                yield found
            finally:
                found.close()
