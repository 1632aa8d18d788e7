"""Begin to watch, where that was asked for; otherwise nothing is imported."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flakeproof_worker.sanitize.watch import Watch


def watch_for(order: Mapping[str, Any]) -> "Watch | None":
    """The sanitizers that `order`, what the coordinator says to a process first, asks for; None for none."""
    wanted = order["sanitize"]
    if wanted is None:
        return None
    from flakeproof_worker.sanitize.watch import Watch

    return Watch(wanted)
