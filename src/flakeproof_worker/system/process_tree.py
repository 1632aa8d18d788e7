"""Trees of processes: their descendants, the CPU time that they have used, and stopping and continuing them."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

_CPU_CLOCK = 2  # CPUCLOCK_SCHED of a whole process, include/linux/posix-timers.h
_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_STATE, _PARENT, _CHILDREN_USER, _CHILDREN_SYSTEM = 0, 1, 13, 14
"""Indices of fields in /proc/PID/stat (proc(5)), counted from the field after the name."""


def below(pid: int) -> Iterator[int]:
    """Every descendant of the process `pid`, parents first; a caller that stops each one as it comes misses none."""
    waiting = children(pid)
    while waiting:
        child = waiting.pop(0)
        yield child
        waiting += children(child)


def children(pid: int) -> list[int]:
    """The children of the process `pid`; empty if it has gone."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - pathlib is not imported here, and slower
    except OSError:
        return []
    found: list[int] = []
    for thread in threads:
        with suppress(FileNotFoundError, ProcessLookupError):
            try:
                found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
            except FileNotFoundError:
                if os.path.exists(f"/proc/{pid}/task/{thread}"):  # noqa: PTH110 - pathlib is not imported here
                    return _children_by_parent(pid)  # a kernel without CONFIG_PROC_CHILDREN
    return found


def _children_by_parent(pid: int) -> list[int]:
    numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208
    return [number for number in numbers if _stat(number)[_PARENT : _PARENT + 1] == [b"%d" % pid]]


def used_ns(pid: int) -> int:
    """CPU time (nanoseconds) of the process `pid` and of the children that it has reaped; 0 if it has gone.

    The time of the children is rounded down to a tick of the kernel.
    """
    stat = _stat(pid)
    if len(stat) <= _CHILDREN_SYSTEM:
        return 0
    buried = (int(stat[_CHILDREN_USER]) + int(stat[_CHILDREN_SYSTEM])) * _TICK_NS
    try:
        return buried + time.clock_gettime_ns((~pid << 3) | _CPU_CLOCK)
    except OSError:
        return 0


def buried_ns(pid: int) -> int:
    """CPU time (nanoseconds) of the children that the process `pid` has reaped."""
    stat = _stat(pid)
    if len(stat) <= _CHILDREN_SYSTEM:
        return 0
    return (int(stat[_CHILDREN_USER]) + int(stat[_CHILDREN_SYSTEM])) * _TICK_NS


def is_stopped(pid: int) -> bool:
    """Whether the process `pid` is stopped, by a signal or by a debugger."""
    return _stat(pid)[_STATE : _STATE + 1] in ([b"T"], [b"t"])


def _stat(pid: int) -> list[bytes]:
    try:
        return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return []


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return b"".join(iter(lambda: os.read(descriptor, 1 << 16), b""))
    finally:
        os.close(descriptor)


class Stopped:
    """Processes that this object has stopped. It holds them by descriptors, because a process id may be reused."""

    def __init__(self) -> None:
        self._held: list[int] = []

    def __bool__(self) -> bool:
        return bool(self._held)

    def stop(self, pid: int) -> None:
        """Stop the process `pid`, unless it is stopped already: then whoever stopped it continues it."""
        with suppress(OSError):  # the process has gone, or it is another user's
            descriptor = os.pidfd_open(pid)
            try:
                if not is_stopped(pid):
                    signal.pidfd_send_signal(descriptor, signal.SIGSTOP)
                    self._held.append(descriptor)
                    return
            except OSError:
                pass
            os.close(descriptor)

    def let_go_on(self) -> None:
        """Continue all of them, the last one first: a child runs again before its parent."""
        while self._held:
            descriptor = self._held.pop()
            with suppress(OSError):  # the process has been killed
                signal.pidfd_send_signal(descriptor, signal.SIGCONT)
            os.close(descriptor)

    def forget(self) -> None:
        """Leave the stopped processes to another process that holds them, too."""
        while self._held:
            os.close(self._held.pop())


_PR_SET_PDEATHSIG = 1  # include/uapi/linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36


# Looked up once: in each fork, the lookup would write to memory that is shared with the parent.
_prctl_function = ctypes.CDLL(None).prctl if sys.platform.startswith("linux") else None


def _prctl(option: int, argument: int) -> bool:
    return _prctl_function is not None and _prctl_function(option, argument, 0, 0, 0) == 0


def die_with(parent: int) -> None:
    """Let the kernel kill this process when `parent`, which started it, ends: nothing may outlive a run."""
    if _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) and os.getppid() != parent:
        os._exit(1)  # the parent had ended before the call


def outlive_parent() -> None:
    """Undo `die_with`."""
    _prctl(_PR_SET_PDEATHSIG, 0)


def adopt_orphans(yes: bool) -> bool:
    """Let this process adopt descendants whose parent ends, in place of init; return whether it worked."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, int(yes))
