"""Start a trial that is a program of its own, for the lanes in which it is: a command, or a new interpreter."""

import os
import signal
from collections.abc import Mapping

_ALL_SIGNALS = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
"""A child inherits what is ignored: SIGPIPE by Python, SIGHUP by nohup."""


def spawn(
    program: str, argv: list[str], environment: Mapping[str, str], output: int, kept: Mapping[int, int] | None = None
) -> int:
    """Start `program` as leader of its own session; its process id. Raises OSError.

    It reads nothing and writes to `output`; of our other descriptors it gets those in `kept`, as the number given
    there.
    """
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, output, 1),
        (os.POSIX_SPAWN_DUP2, output, 2),
        *((os.POSIX_SPAWN_DUP2, ours, number) for ours, number in (kept or {}).items()),
    ]
    # Python ignores SIGPIPE, and a child would inherit that.
    return os.posix_spawn(
        program, argv, environment, file_actions=actions, setsid=True, setsigmask=(), setsigdef=_ALL_SIGNALS
    )
