"""When a process whose forks run the trials is replaced, so that what a process fixes once varies as well.

Forks of one process share its hash seed, its addresses, and everything that its imports have drawn, read or ordered. So
processes are replaced during a run, as often as that costs no more than a small share of the time. If the run's
question needs more processes rather than more trials, each process runs only one trial in every lane.
"""

from flakeproof.engine.process import WorkerProcess
from flakeproof.model import Isolation, RunSpec
from flakeproof.text import FIXED, number

SHARE = 0.12
"""Largest share of its time that a run spends on new processes."""


class Renewal:
    """Knows what a new process costs, and whether a process has served long enough."""

    def __init__(self, spec: RunSpec) -> None:
        self._applies = spec.isolation is Isolation.FORK
        self._start_ns = 0
        self._farewell_ns = 0
        self._further = 0
        self._has_explained = False
        self.hurries = False
        """Whether the run needs new processes rather than more trials."""

    def wants(self, further_processes: int) -> bool:
        """Take in how many more processes the run's question needs; return whether to explain that to the user."""
        before, self.hurries = self.hurries, further_processes > 0
        self._further = further_processes
        is_news = self.hurries and not before and not self._has_explained
        self._has_explained |= is_news
        return is_news

    @property
    def explanation(self) -> str:
        """Why tests are slow from now on."""
        return (
            f"Enough tests have run. To vary what a process fixes once ({FIXED}), about {number(self._further)} more "
            "new processes are started now, for one test in each worker"
        )

    def started(self, process: WorkerProcess, now: int) -> None:
        """`process` is ready."""
        self._start_ns = max(self._start_ns // 2, now - process.started_ns)

    def ended(self, process: WorkerProcess, now: int) -> None:
        """`process` is dead."""
        # Idle lanes wait for the last busy one; a single lane works until the goodbye.
        since = process.finished_ns if process.lanes > 1 else process.bye_ns
        if process.finished_ns and process.bye_ns:
            self._farewell_ns = max(self._farewell_ns // 2, now - since)

    def is_due(self, process: WorkerProcess, now: int, left: int | None) -> bool:
        """Whether a new process should replace this one; `left` trials are not leased yet (None: no limit)."""
        if not self._applies or not process.account.given or left == 0:
            return False
        if self.hurries:
            return True
        if not process.taken:
            return False
        cost, served = self._start_ns + self._farewell_ns, now - process.ready_ns
        if served < cost * (1 - SHARE) / SHARE:
            return False
        return left is None or served * left > cost * process.taken  # the rest takes longer than a new process
