"""Start a trial that is a program of its own, for the lanes in which it is: a command, or a new interpreter."""

import os
import signal
from collections.abc import Callable, Mapping, Sequence

_ALL_SIGNALS = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
"""A child inherits what is ignored: SIGPIPE by Python, SIGHUP by nohup."""


_STANDARD = 3


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


def few_descriptors(room: int) -> Callable[[], None]:
    """Have the process that calls this have room for so many beyond the standard ones, and not be able to ask for more.

    Not with posix_spawn(3), which has no word for limits: that of our own would do for the soft one, which programs
    written in Go raise as far as the hard one lets them, and nobody can raise that again.
    """
    import resource  # nobody else needs it

    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (room + _STANDARD, room + _STANDARD))


def spawn_prepared(
    prepare: Sequence[Callable[[], None]], program: str, argv: list[str], environment: Mapping[str, str], output: int
) -> int:
    """The same for a program whose process does something first, one after the other."""
    import subprocess  # nobody else needs it

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
            preexec_fn=begin,  # safe: there is one thread
        )
    except subprocess.SubprocessError as error:
        raise OSError(str(error)) from None
    child.returncode = 0  # whoever asked for it reaps it
    return child.pid
