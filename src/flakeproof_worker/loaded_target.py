"""The target as a worker process has loaded it, ready to run, and the sanitizers that watch it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flakeproof_worker.pytest_driver.selection import Selection
    from flakeproof_worker.sanitize.watch import TrialWatch


def _nothing() -> None:
    """Stand in where the target is not a function."""


@dataclass
class Loaded:
    """A Python function, or pytest's selection; neither where the target is a command."""

    function: Callable[[], Any] = _nothing
    is_async: bool = False
    new_loop: Callable[[], Any] | None = None
    selection: "Selection | None" = None
    watch: "TrialWatch | None" = None

    def watched(self, watch: "TrialWatch | None") -> "Loaded":
        """This target, with sanitizers that watch each trial."""
        if watch is None:
            return self
        if self.selection is not None:
            self.selection.watch = watch
            return replace(self, watch=watch)
        around: Any = watch.around_async if self.is_async else watch.around
        return replace(self, function=around(self.function), watch=watch)


def watch_for(order: Mapping[str, Any]) -> "TrialWatch | None":
    """The sanitizers that `order`, the coordinator's first message to a process, asks for; None for none."""
    wanted = order["sanitize"]
    if wanted is None:
        return None
    from flakeproof_worker.sanitize.watch import TrialWatch

    return TrialWatch(wanted)
