"""Start a trial that is a program of its own: a command, or a new interpreter."""

import os
import signal
from collections.abc import Callable, Mapping, Sequence

_ALL_SIGNALS = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
"""A child inherits which signals are ignored: Python ignores SIGPIPE, nohup ignores SIGHUP."""


_STANDARD = 3


def spawn(
    program: str, argv: list[str], environment: Mapping[str, str], output: int, kept: Mapping[int, int] | None = None
) -> int:
    """Start `program` as leader of its own session; return its process id. Raises OSError.

    The program reads from /dev/null and writes to `output`. It inherits no other descriptors but those in `kept`, which
    maps a descriptor of this process to its number in the program.
    """
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, output, 1),
        (os.POSIX_SPAWN_DUP2, output, 2),
        *((os.POSIX_SPAWN_DUP2, ours, number) for ours, number in (kept or {}).items()),
    ]
    # Python ignores SIGPIPE, which a child would inherit.
    return os.posix_spawn(
        program, argv, environment, file_actions=actions, setsid=True, setsigmask=(), setsigdef=_ALL_SIGNALS
    )


def few_descriptors(room: int) -> Callable[[], None]:
    """Return a function that limits its process to `room` descriptors beyond the standard three, for good.

    posix_spawn(3) cannot set the child's limits. Inheriting a lowered soft limit is not enough, because programs in Go
    raise it to the hard limit; and a worker that lowered its own hard limit could not raise it again.
    """
    import resource  # needed only here

    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (room + _STANDARD, room + _STANDARD))


def spawn_prepared(
    prepare: Sequence[Callable[[], None]], program: str, argv: list[str], environment: Mapping[str, str], output: int
) -> int:
    """Like `spawn`, but the new process calls the functions `prepare` in order before it executes the program."""
    import subprocess  # needed only here

    def begin() -> None:
        for number in _ALL_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        for step in prepare:
            step()

    try:
        child = subprocess.Popen(
            argv,
            executable=program,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=begin,  # safe: this process has a single thread
        )
    except subprocess.SubprocessError as error:
        raise OSError(str(error)) from None
    child.returncode = 0  # the caller reaps the process
    return child.pid
