"""The leak sanitizer: what a trial has left behind at its end."""

from flakeproof_worker.sanitize import attribution
from flakeproof_worker.sanitize.leaks import children, tasks, temporaries, threads
from flakeproof_worker.sanitize.leaks.ledger import Ledger
from flakeproof_worker.sanitize.leaks.leftover import Leftover
from flakeproof_worker.shared.private import os


class Leaks:
    """Knows what each trial has made that may outlive it. One per process."""

    def __init__(self) -> None:
        self._ledger = Ledger()

    def install(self) -> None:
        """Watch from now on; to be called once, before any code of the user's is imported."""
        attribution.install()
        for kind in (threads, tasks, children, temporaries):
            kind.install(self._ledger)
        # In a fork, threads have ended, and the rest is the parent's.
        os.register_at_fork(after_in_child=self._ledger.clear)

    def leftovers(self, trial: int) -> list[Leftover]:
        """What the trial has made and is still there, without what runs here and now; any thread may ask."""
        left = self._ledger.of(trial)
        if not left:
            return left
        return [leftover for leftover in left if not threads.is_this(leftover) and not tasks.is_this(leftover)]

    def forget(self, trial: int) -> None:
        """Free what is known of a trial that is over; what is still there is a straggler from now on."""
        self._ledger.forget(trial)

    def stragglers(self) -> list[Leftover]:
        """What is still there of trials that have been forgotten, and what that has made since: the latest of it."""
        return self._ledger.stragglers()
