"""Watch trials with the requested sanitizers, beginning before the user's code is imported."""

import errno
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

from flakeproof_worker.current import ALONE, RUNNING
from flakeproof_worker.failure import attribute, is_instance
from flakeproof_worker.sanitize import attribution
from flakeproof_worker.sanitize.allowlist import Allowed
from flakeproof_worker.sanitize.descriptors import calls
from flakeproof_worker.sanitize.descriptors.table import OwnerTable
from flakeproof_worker.sanitize.leaks import children, tasks, temporaries, threads
from flakeproof_worker.sanitize.leaks.ledger import Ledger
from flakeproof_worker.sanitize.leaks.leftover import Leftover
from flakeproof_worker.sanitize.settle import Fates, LeftOpen, settle, settle_async
from flakeproof_worker.sanitize.sighting import LeakedError, Sighting, here
from flakeproof_worker.sanitize.tally import Row, SightingTally, full, key_of
from flakeproof_worker.shared.private import os


class Leaks:
    """Knows what each trial has made and may leave behind. One per process."""

    def __init__(self) -> None:
        self._ledger = Ledger()

    def install(self) -> None:
        """Watch from now on; call this once, before any code of the user is imported."""
        attribution.install()
        for kind in (threads, tasks, children, temporaries):
            kind.install(self._ledger)
        # In a fork, threads have ended, and the rest is the parent's.
        os.register_at_fork(after_in_child=self._ledger.clear)

    def leftovers(self, trial: int) -> list[Leftover]:
        """The things of the trial that still exist, without the calling thread and task; any thread may call this."""
        left = self._ledger.of(trial)
        if not left:
            return left
        return [leftover for leftover in left if not threads.is_this(leftover) and not tasks.is_this(leftover)]

    def forget(self, trial: int) -> None:
        """Forget a trial that has ended; things of it that still exist become stragglers."""
        self._ledger.forget(trial)

    def stragglers(self) -> list[Leftover]:
        """The latest things of forgotten trials that still exist, including what they have made since."""
        return self._ledger.stragglers()


_TELLING = frozenset(
    {errno.EBADF, errno.ENOTCONN, errno.ENOTSOCK, errno.EPIPE, errno.ECONNRESET, errno.ECONNABORTED, errno.EINVAL}
)
"""Errors that show that a descriptor was closed, or had come to belong to another owner."""
_TELLING_NAMES = frozenset(errno.errorcode[number] for number in _TELLING)
_REMEMBERED = 1000
"""How many ended trials are remembered, for what they still do."""
_SHOWN = 5
"""How many sightings are reported with one failure."""


class _Ended(NamedTuple):
    """A trial that has ended, and what was seen in it."""

    failed: bool
    keys: set[str]


class TrialWatch:
    """The sanitizers of this process."""

    def __init__(self, order: dict[str, Any]) -> None:
        """Install the sanitizers that `order` names; it also says how leaks are treated."""
        names = order["names"]
        self.tally = SightingTally()
        self._fails_on_leak: bool = order["fail_on_leak"]
        self._settle_ns = int(order["settle"] * 1e9)
        self._allowed = Allowed(order["allowed"])
        self._fates = Fates(self.note)
        self._keys: dict[int, dict[str, Sighting]] = {}
        """What was seen in each trial in flight, by key."""
        self._ended: dict[int, _Ended] = {}
        """The latest trials that have ended."""
        self._unreported: dict[int, list[Row]] = {}
        """What was seen in each failed trial that has not been reported yet."""
        attribution.install()
        self._leaks = Leaks() if "leaks" in names else None
        if self._leaks is not None:
            self._leaks.install()
        self._tells_descriptors = "descriptors" in names
        # Installed even without "descriptors", because the sanitizer of leaks also reports sockets and files.
        self._table = OwnerTable(self.note, attribution.current, here)
        for watch in (calls.watch_numbers, calls.watch_sockets, calls.watch_files):
            watch(self._table)
        os.register_at_fork(after_in_child=self._in_copy)

    # -- a trial

    def begin(self, trial: int) -> None:
        """A trial begins."""
        self._keys[trial] = {}
        self._table.begin(trial)

    def leftovers(self, trial: int) -> list[Leftover]:
        """What the trial has left behind so far."""
        if self._leaks is None:
            return []
        left: list[Leftover] = [*self._leaks.leftovers(trial)]
        left += [LeftOpen(self._table, owner) for owner in self._table.left_open(trial)]
        return [one for one in left if one.look() and not self._allowed.allows(one.sighting())]

    def end_pass(self, trial: int, numbers: set[str], *, failed: bool) -> LeakedError | None:
        """A pass has ended, with errors of these errno names; return what it has leaked, if it passed."""
        left = self.settled(trial)
        leaked = self._end(trial, left, failed=failed, suspicious=bool(numbers & _TELLING_NAMES))
        return LeakedError(leaked, fails=self._fails_on_leak) if leaked and not failed else None

    def end(self, trial: int, error: BaseException | None, left: Iterable[Leftover] = ()) -> list[Sighting]:
        """The trial has ended and `left` still exists; return what it has leaked."""
        return self._end(trial, left, failed=error is not None, suspicious=_tells_of_descriptors(error))

    def _end(self, trial: int, left: Iterable[Leftover], *, failed: bool, suspicious: bool) -> list[Sighting]:
        if suspicious:
            self._table.look_for_unseen(trial)
        leaked = [leftover.sighting() for leftover in left]
        for sighting in leaked:
            self.note(sighting)
        seen = self._keys.pop(trial, {})
        for key in seen:
            self.tally.ended(key, failed=failed)
        self._ended[trial] = _Ended(failed, set(seen))
        if len(self._ended) > _REMEMBERED:
            del self._ended[next(iter(self._ended))]
        if failed and seen:
            self._unreported[trial] = [full(sighting) for sighting in list(seen.values())[:_SHOWN]]
        self._table.end(trial)
        if self._leaks is not None:
            self._leaks.forget(trial)
        return leaked

    def note(self, sighting: Sighting) -> None:
        """Take in a sighting, from any thread and at any time."""
        if sighting.sanitizer == "descriptors" and not self._tells_descriptors:
            return
        key = key_of(sighting)
        self.tally.seen(key, sighting)
        for trial in {part.trial for part in sighting.parts}:
            if (keys := self._keys.get(trial)) is not None:
                keys[key] = sighting
            elif (ended := self._ended.get(trial)) is not None and key not in ended.keys:
                ended.keys.add(key)  # what a trial does after its end counts for it, too
                self.tally.ended(key, failed=ended.failed)

    def sights_of(self, trial: int) -> list[Row]:
        """What was seen in a failed trial; empty when called again."""
        return self._unreported.pop(trial, [])

    # -- around what a trial calls

    def around(self, function: Callable[[], Any]) -> Callable[[], Any]:
        """Wrap `function` with the watch; the result raises LeakedError if the function passes and leaks."""

        def watched() -> Any:
            trial = _running()
            self.begin(trial)
            try:
                result = function()
            except BaseException as error:
                self.end(trial, error, self.settled(trial))
                raise
            leaked = self.end(trial, None, self.settled(trial))
            if leaked:
                raise LeakedError(leaked, fails=self._fails_on_leak)
            return result

        return watched

    def around_async(self, function: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
        """Like `around`, for a coroutine function."""

        async def watched() -> Any:
            trial = _running()
            self.begin(trial)
            try:
                result = await function()
            except BaseException as error:
                self.end(trial, error, await self._settled_async(trial))
                raise
            leaked = self.end(trial, None, await self._settled_async(trial))
            if leaked:
                raise LeakedError(leaked, fails=self._fails_on_leak)
            return result

        return watched

    def settled(self, trial: int) -> list[Leftover]:
        """What is left of an ended trial after its leftovers had time to end."""
        left = self.leftovers(trial)
        known = self._fates.judged(left)
        return known if known is not None else self._fates.learn(*settle(left, self._settle_ns))

    async def _settled_async(self, trial: int) -> list[Leftover]:
        left = self.leftovers(trial)
        known = self._fates.judged(left)
        return known if known is not None else self._fates.learn(*await settle_async(left, self._settle_ns))

    # -- forks of this process

    def _in_copy(self) -> None:
        self._table.active = False

    def take_over(self) -> None:
        """Watch in this fork, which flakeproof has made for a trial, and count only what happens in it."""
        self.tally.take()
        self._table.active = True


def _running() -> int:
    running = RUNNING.get(None) or ALONE[0]
    return running[0] if running is not None else 0


def _tells_of_descriptors(error: BaseException | None) -> bool:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if is_instance(error, OSError) and attribute(error, "errno") in _TELLING:
            return True
        cause = attribute(error, "__cause__")
        error = cause if cause is not None else attribute(error, "__context__")
    return False
