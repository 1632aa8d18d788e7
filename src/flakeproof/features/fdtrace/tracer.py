"""Run a command under strace: whether that is possible here, start, wait, end with everything that it has started."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any

from flakeproof import signals
from flakeproof.clock import monotonic_ns
from flakeproof.errors import CannotRunError, ExitCode
from flakeproof.features.fdtrace.calls import RECORDED, RECORDED_WITHOUT_USES

_PATIENCE = 30.0
"""Seconds for strace to show that it works here."""
_SHOWN_TEXT = 64
"""Characters of a text, and elements of a list, that strace shows: enough for descriptors that a message carries."""
_TRUE = "true"
_FAST = "--seccomp-bpf"
"""Calls that are not recorded do not stop the command at all then."""


@dataclass(frozen=True, slots=True)
class Recording:
    """How the command has ended."""

    status: int
    """Exit status of strace, which is that of the command; negative for the signal that has ended it."""
    timed_out: bool
    stopped_by: ExitCode | None
    """For the signal to us that has ended it early."""
    elapsed: float
    """Seconds."""


class _Stopped(Exception):  # noqa: N818 - no error
    def __init__(self, code: ExitCode) -> None:
        super().__init__(code)
        self.code = code


def usable_strace(folder: Path, *, stacks: bool = True) -> list[str]:
    """The beginning of a command line that records what follows, with `stacks`; `folder` is for temporary files.

    Raises CannotRunError where strace is missing or may not look at other processes.
    """
    path = shutil.which("strace")
    if path is None:
        raise CannotRunError("strace is not installed", "install it: apt-get install strace (or dnf, apk, pacman)")
    for extra in ((_FAST,), ()):
        words = [path, "-f", *(["-k"] if stacks else []), *extra]
        told, done = _tried([*words, "-e", "trace=execve", "-o", str(folder / "probe"), _TRUE])
        if done and "seccomp" not in told:
            return words
        if not done and ("seccomp" not in told or not extra):
            raise _problem(told)
    return words


def _tried(words: Sequence[str]) -> tuple[str, bool]:
    """What strace complains about, and whether it has worked nevertheless."""
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except OSError as error:
        return str(error), False
    except subprocess.TimeoutExpired:
        return f"it did not end within {_PATIENCE:.0f}s", False
    return done.stderr.strip(), done.returncode == 0


def _problem(told: str) -> CannotRunError:
    if "Operation not permitted" in told or "PTRACE" in told:
        return CannotRunError(
            "strace may not look at other processes here (ptrace is not permitted)",
            "in a container: docker run --cap-add=SYS_PTRACE; else: sysctl kernel.yama.ptrace_scope=1, "
            "and not inside of a debugger or another strace",
            told,
        )
    if "invalid option" in told or "unrecognized option" in told or "stack trac" in told.lower():
        remedy = "install one that was built with libunwind or libdw, or do without: --no-stacks"
        return CannotRunError("this strace cannot show stacks (-k)", remedy, told)
    return CannotRunError("strace does not work here", "see what it says", told)


def record(
    strace: Sequence[str],
    argv: Sequence[str],
    folder: Path,
    output: Path,
    *,
    variables: Mapping[str, str],
    environment: Mapping[str, str],
    stdout: int | IO[Any] | None,
    timeout: float | None,
    grace: float,
    uses: bool = True,
) -> Recording:
    """Run `argv` in `folder` with its descriptor calls recorded in the file `output`.

    `variables` are for the command alone, `environment` is for strace, too; `timeout` and `grace` are seconds. Its
    output goes where ours goes, or to `stdout`. Reads and writes are recorded if `uses` are wanted.
    """
    own = [word for name, value in variables.items() for word in ("-E", f"{name}={value}")]
    traced = "trace=" + ",".join(f"?{name}" for name in (RECORDED if uses else RECORDED_WITHOUT_USES))
    words = [*strace, "-yy", "-s", str(_SHOWN_TEXT), "-e", "signal=none", "--quiet=attach,personality", "-e", traced]
    started = monotonic_ns()
    timed_out, stopped_by = False, None
    with _signals() as held_back:
        process = subprocess.Popen(
            [*words, *own, "-o", str(output), "--", *argv],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            start_new_session=True,
        )
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
        except _Stopped as stopped:
            stopped_by = stopped.code
        held_back()
        _end(process, grace)
    return Recording(process.returncode, timed_out, stopped_by, (monotonic_ns() - started) / 1e9)


def _end(process: "subprocess.Popen[bytes]", grace: float) -> None:
    """End the command and what it has left in its process group; strace ends when all have."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            break
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def _signals() -> Iterator[Callable[[], None]]:
    """Let a signal that ends things raise _Stopped, until what is given is called: then all wait for the end."""
    held = False

    def stop(number: int, frame: FrameType | None) -> None:
        signals.note(number)
        if not held:
            hold()
            raise _Stopped(ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.TERMINATED)

    def hold() -> None:
        nonlocal held
        held = True

    with signals.handled(stop):
        yield hold
