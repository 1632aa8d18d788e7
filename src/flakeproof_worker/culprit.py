"""Note on the board which of several trials in one process ends it by a call of `os._exit` or `os.kill`.

A signal that the interpreter can handle leaves a stack, which names the thread. `os._exit`, and a signal that a trial
sends to its own process, leave nothing.
"""

import os
from functools import wraps
from typing import Any

from flakeproof_worker.current import RUNNING
from flakeproof_worker.shared import board


def show_on(words: memoryview) -> None:
    """From now on, note which trial ends this process, where the call comes from a thread or task of that trial."""
    process = os.getpid()
    real_exit, real_kill = os._exit, os.kill

    def trial() -> int:
        running = RUNNING.get(None)
        return running[0] if running is not None and os.getpid() == process else 0

    @wraps(real_exit)
    def exit_at_once(status: int) -> Any:
        if number := trial():
            words[board.CULPRIT] = number
        real_exit(status)

    @wraps(real_kill)
    def kill(pid: int, signal_number: int) -> None:
        number = trial() if pid in (0, process, -process) else 0
        if number:
            words[board.CULPRIT] = number
        real_kill(pid, signal_number)
        if number:
            words[board.CULPRIT] = 0  # this process has survived

    exit_at_once.__module__ = kill.__module__ = "os"  # where `pickle` finds them
    os._exit, os.kill = exit_at_once, kill
