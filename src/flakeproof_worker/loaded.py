"""What a worker process has loaded of the user's code, ready to be run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flakeproof_worker.pytest_driver.selection import Selection


def _nothing() -> None:
    """Stand in for a function where the target is none."""


@dataclass
class Loaded:
    """A Python function, or what pytest has selected; nothing where the target is a command."""

    function: Callable[[], Any] = _nothing
    is_async: bool = False
    new_loop: Callable[[], Any] | None = None
    selection: "Selection | None" = None
