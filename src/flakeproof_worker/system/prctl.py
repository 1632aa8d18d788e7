"""Two requests to Linux that Python has no function for (prctl(2)); elsewhere they do nothing."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # include/uapi/linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36


# Found once: a fork would have to copy all the memory that finding it writes to.
_prctl_function = ctypes.CDLL(None).prctl if sys.platform.startswith("linux") else None


def _prctl(option: int, argument: int) -> bool:
    return _prctl_function is not None and _prctl_function(option, argument, 0, 0, 0) == 0


def die_with(parent: int) -> None:
    """Have this process killed when `parent`, the process that started it, ends: nothing may outlive a run."""
    if _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) and os.getppid() != parent:
        os._exit(1)  # it ended before the request was made


def outlive_parent() -> None:
    """Take `die_with` back."""
    _prctl(_PR_SET_PDEATHSIG, 0)


def adopt_orphans(yes: bool) -> bool:
    """Have descendants whose parent ends become children of this process instead of init's; tell whether it worked."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, int(yes))
