"""Which process gets which trials, and how many at once."""

from collections.abc import Mapping

from flakeproof.clock import monotonic_ns
from flakeproof.engine.leases import Block, Orders, Work
from flakeproof.engine.process import WorkerProcess
from flakeproof.engine.renewal import Renewal
from flakeproof.engine.run_end import Ending
from flakeproof.engine.scout import Scout
from flakeproof.engine.suspects import Suspicions

_LEASE_SECONDS = 0.05
"""How long a lease should take: long enough to cost nothing, short enough to be shared fairly."""
_LEASES_AHEAD = 2
_LARGEST_LEASE = 65_536


class Leasing:
    """Hands out the trials of one run to its processes."""

    def __init__(
        self,
        work: Work,
        processes: Mapping[int, WorkerProcess],
        ending: Ending,
        suspicions: Suspicions,
        orders: Orders | None,
        renewal: Renewal | None,
        scout: Scout | None,
    ) -> None:
        """`processes` always holds the running processes; the other arguments are those of the dispatcher."""
        self._work = work
        self._processes = processes
        self._ending = ending
        self._suspicions = suspicions
        self._orders = orders
        self._renewal = renewal
        self._scout = scout

    def top_up_all(self) -> None:
        """Lease trials to every process that can take some."""
        for process in self._processes.values():
            if process.ready and self._ending.reason is None:
                self.top_up(process)

    def top_up(self, process: WorkerProcess) -> None:
        """Lease to `process` as many trials as it should have, or let it end if none will come."""
        if process.is_finishing:
            return
        if self._suspicions.waits_at(process.place):
            if (suspect := self._suspicions.next_for(process)) is not None:
                self._give(process, (suspect, 1))
            return
        scout = self._scout
        if scout is not None and self._work.left != 0:
            if not scout.is_over:
                self._send(process, scout)
                return
            if scout.one_at_a_time:
                self._give_one(process)
                return
        renewal = self._renewal
        if renewal is not None and renewal.is_due(process, monotonic_ns(), self._work.left):
            process.finish()
            return
        hurries = renewal is not None and renewal.hurries
        wanted = 0 if hurries else self._trials_per_lease(process)
        # A lease given ahead waits behind a trial that is slow, or hangs. That is worth it only for short trials.
        most = _LEASES_AHEAD if wanted > process.lanes else 1
        while process.account.leases < most:
            block = self._work.take(process.place, self._fair_share(max(wanted, process.lanes)))
            if block is None:
                if self._work.is_over:
                    process.finish()  # if another process dies, a replacement takes the trials that it had
                return
            self._give(process, block)
            if hurries:
                process.finish()

    def _give(self, process: WorkerProcess, block: Block) -> None:
        orders = self._orders
        process.give(block, [orders.order_of(block[0] + n) for n in range(block[1])] if orders is not None else ())

    def _send(self, process: WorkerProcess, scout: Scout) -> None:
        """Lease to `process` the one test that runs alone, unless that is leased already."""
        block = self._work.take(process.place, 1) if scout.wants_trial else None
        if block is not None:
            process.give(block, scout=scout.looks)
            scout.started(block[0], monotonic_ns())

    def _give_one(self, process: WorkerProcess) -> None:
        """Lease one test to `process`, if no process runs one."""
        if any(other.account.leases for other in self._processes.values()):
            return
        block = self._work.take(process.place, 1)
        if block is not None:
            process.give(block)

    def _trials_per_lease(self, process: WorkerProcess) -> int:
        """How many trials the process has completed, on average, in the time that a lease should take."""
        elapsed = (monotonic_ns() - process.ready_ns) / 1e9
        completed = process.taken - len(process.in_flight())  # a trial in flight says nothing about its length
        return min(_LARGEST_LEASE, int(completed / elapsed * _LEASE_SECONDS)) if elapsed > 0 else 0

    def _fair_share(self, wanted: int) -> int:
        left = self._work.left
        return wanted if left is None else min(wanted, max(1, left // (2 * len(self._processes))))
