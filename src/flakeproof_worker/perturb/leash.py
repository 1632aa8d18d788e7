"""Run a program, and kill it and its descendants when this process ends: ``leash.py CPUS PARENT PROGRAM ARGUMENT…``.

This process ends when its standard input is closed, when the process PARENT ends, or on SIGTERM. CPUS is how many CPUs
the program may use (0: all). The exit status is the program's if that ends by itself, else 0.
"""

import ctypes
import os
import signal
import sys
from contextlib import suppress

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def main(cpus: int, parent: int, words: list[str]) -> int:
    """Run the program until it ends or must end; return the exit status."""
    prctl = ctypes.CDLL(None).prctl
    waking = _wake_up_on(signal.SIGTERM, signal.SIGCHLD)
    prctl(_PR_SET_CHILD_SUBREAPER, 1)
    prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        return 0  # the parent has ended meanwhile
    if cpus:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cpus])
    me = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # in case this process is killed
            if os.getppid() == me:
                os.dup2(os.open(os.devnull, os.O_RDWR), 0)
                signal.pthread_sigmask(signal.SIG_SETMASK, [])
                os.execv(words[0], words)
        finally:
            os._exit(127)
    status = _watched(pid, waking)
    _end_all()
    return status


def _wake_up_on(*signals: signal.Signals) -> int:
    """A descriptor from which the numbers of received `signals` can be read."""
    readable, writable = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    for number in signals:
        signal.signal(number, lambda *_: None)
    return readable


def _watched(pid: int, waking: int) -> int:
    """Wait for the program, or for a reason to end; return the exit status."""
    import select

    while True:
        ready, _, _ = select.select([0, waking], [], [])
        if waking in ready and signal.SIGTERM in os.read(waking, 64):
            return 0
        if 0 in ready:
            return 0  # nothing is ever written to standard input: it has been closed
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _end_all() -> None:
    """Kill every descendant; this process adopts those whose parent ends."""
    me = os.getpid()
    while True:
        with open(f"/proc/{me}/task/{me}/children") as file:  # noqa: PTH123 - pathlib would cost memory and time
            children = file.read().split()
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
