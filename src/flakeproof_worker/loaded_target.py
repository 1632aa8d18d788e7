"""What a worker process has loaded of the user's code, ready to be run, and the sanitizers that watch it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flakeproof_worker.pytest_driver.selection import Selection
    from flakeproof_worker.sanitize.watch import TrialWatch


def _nothing() -> None:
    """Stand in for a function where the target is none."""


@dataclass
class Loaded:
    """A Python function, or what pytest has selected; nothing where the target is a command."""

    function: Callable[[], Any] = _nothing
    is_async: bool = False
    new_loop: Callable[[], Any] | None = None
    selection: "Selection | None" = None
    watch: "TrialWatch | None" = None

    def watched(self, watch: "TrialWatch | None") -> "Loaded":
        """The same, with sanitizers that watch each trial."""
        if watch is None:
            return self
        if self.selection is not None:
            self.selection.watch = watch
            return replace(self, watch=watch)
        around: Any = watch.around_async if self.is_async else watch.around
        return replace(self, function=around(self.function), watch=watch)


def watch_for(order: Mapping[str, Any]) -> "TrialWatch | None":
    """The sanitizers that `order`, what the coordinator says to a process first, asks for; None for none."""
    wanted = order["sanitize"]
    if wanted is None:
        return None
    from flakeproof_worker.sanitize.watch import TrialWatch

    return TrialWatch(wanted)
