"""How a process ends when flakeproof's own work in it has failed: at once, and with what was in flight on the board."""

import os
import traceback
from typing import NoReturn

_exit = os._exit
"""The real one, should somebody have put another in its place: what ends here is no trial's doing."""
DISCONNECTED = 199
"""Exit status of a process that can no longer speak to the coordinator."""


def end_at_once(error: BaseException) -> NoReturn:
    """End this process because of `error`, whatever else runs in it."""
    if isinstance(error, OSError):
        _exit(DISCONNECTED)  # the coordinator is gone, or a trial has closed descriptors that are not its own
    traceback.print_exception(error)
    _exit(1)


def end_copy(error: BaseException | None) -> NoReturn:
    """End a copy of a process that a trial has made with fork(2), as a program of its own would have ended."""
    status = 0
    if isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        traceback.print_exception(error)
        status = 1
    _exit(status & 0xFF)
