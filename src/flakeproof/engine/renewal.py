"""When a process whose forks run the trials gives way to a new one: what a process fixes once has to vary as well.

Forks of one process share its hash seed, its addresses, and all that its imports have drawn, read or put in an order.
So processes are replaced while a run goes on, as often as costs no more than a part of its time. Where the run's
question asks for processes and not for more trials, each runs but one trial in every lane.
"""

from flakeproof.engine.process import WorkerProcess
from flakeproof.model import Isolation, RunSpec
from flakeproof.text import FIXED, number

SHARE = 0.12
"""Largest share of its time that a run spends on new processes."""


class Renewal:
    """Knows what a new process costs, and whether one has served for long enough."""

    def __init__(self, spec: RunSpec) -> None:
        self._applies = spec.isolation is Isolation.FORK
        self._start_ns = 0
        self._farewell_ns = 0
        self._further = 0
        self._told = False
        self.hurries = False
        """Whether the run needs new processes rather than more trials."""

    def wants(self, further_processes: int) -> bool:
        """Take in how many more processes the run's question takes; tell whether that is news."""
        before, self.hurries = self.hurries, further_processes > 0
        self._further = further_processes
        is_news = self.hurries and not before and not self._told
        self._told |= is_news
        return is_news

    @property
    def explanation(self) -> str:
        """Why tests are slow from now on."""
        return (
            f"The tests so far would do. What a process fixes once ({FIXED}) takes about {number(self._further)} more "
            "new processes, which are started now, for one test in each worker"
        )

    def started(self, process: WorkerProcess, now: int) -> None:
        """`process` is ready."""
        self._start_ns = max(self._start_ns // 2, now - process.started_ns)

    def ended(self, process: WorkerProcess, now: int) -> None:
        """`process` is dead."""
        # Lanes that have nothing to do wait for the last of them; a single one works to its end.
        since = process.finished_ns if process.lanes > 1 else process.bye_ns
        if process.finished_ns and process.bye_ns:
            self._farewell_ns = max(self._farewell_ns // 2, now - since)

    def is_due(self, process: WorkerProcess, now: int, left: int | None) -> bool:
        """Whether a new process should take over from this one, while `left` trials (None: no end) wait for one."""
        if not self._applies or not process.account.given or left == 0:
            return False
        if self.hurries:
            return True
        if not process.taken:
            return False
        cost, served = self._start_ns + self._farewell_ns, now - process.ready_ns
        if served < cost * (1 - SHARE) / SHARE:
            return False
        return left is None or served * left > cost * process.taken  # what is left takes longer than that
