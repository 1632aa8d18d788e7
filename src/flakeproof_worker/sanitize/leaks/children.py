"""Child processes that outlive their trial: still running, or ended and not waited for.

The kernel is asked for the state of a child without reaping it: the exit status belongs to the user's code.
"""

import _posixsubprocess
import os
import sys
from collections.abc import Callable
from typing import Any

from flakeproof_worker.import_hooks import replace
from flakeproof_worker.sanitize.attribution import NOBODY, current
from flakeproof_worker.sanitize.leaks.ledger import Ledger
from flakeproof_worker.sanitize.leaks.leftover import Creation, Description, Leftover
from flakeproof_worker.sanitize.sighting import here, is_users

_PEEK = os.WEXITED | os.WNOHANG | os.WNOWAIT
_NAME_LIMIT = 80


def install(ledger: Ledger) -> None:
    """Add every process that a trial starts to `ledger`."""
    known: dict[int, _Child] = {}

    def note(pid: int, command: Callable[[], str] | None) -> None:
        doer = current()
        if doer == NOBODY:
            return
        child = _Child(pid, Creation(doer, here(3)), command() if command is not None else "")
        before = known.get(pid)
        if before is not None:
            before.reaped = True  # otherwise the kernel would not have reused its number
        known[pid] = child
        ledger.add(child)
        if len(known) > 1_000:
            for other in list(known.values()):
                if other.is_gone():
                    known.pop(other.pid, None)

    def forking(real: Callable[[], Any]) -> Callable[[], Any]:
        def fork() -> Any:
            result = real()
            pid = result[0] if isinstance(result, tuple) else result
            if pid:
                note(pid, None)
            return result

        return fork

    def spawning(real: Callable[..., int]) -> Callable[..., int]:
        def posix_spawn(path: Any, argv: Any, *arguments: Any, **named: Any) -> int:
            pid = real(path, argv, *arguments, **named)
            note(pid, lambda: _command(argv))
            return pid

        return posix_spawn

    def executing(real: Callable[..., int]) -> Callable[..., int]:
        def fork_exec(*arguments: Any) -> int:
            pid = real(*arguments)
            if pid:
                note(pid, lambda: _command(arguments[0]))
            return pid

        return fork_exec

    for name in ("fork", "forkpty"):
        replace(os, name, forking, module="os")
    for name in ("posix_spawn", "posix_spawnp"):
        replace(os, name, spawning, module="os")
    replace(_posixsubprocess, "fork_exec", executing)
    subprocess = sys.modules.get("subprocess")
    if subprocess is not None:
        replace(subprocess, "_fork_exec", executing)  # `subprocess` has bound the function at its import
    os.register_at_fork(after_in_child=known.clear)


class _Child(Leftover):
    __slots__ = ("command", "creation", "lingered_ns", "pid", "reaped", "seen")

    def __init__(self, pid: int, creation: Creation, command: str) -> None:
        self.pid = pid
        self.creation = creation
        self.command = command
        self.reaped = False
        self.lingered_ns = 0
        self.seen: Description | None = None

    def is_gone(self) -> bool:
        if not self.reaped:
            self._ask()
        return self.reaped

    def describe(self) -> Description | None:
        ended = self._ask()
        if self.reaped:
            return None
        code = self.command or f"forked in {self._forker()}"
        state = "not waited for" if ended else "left running"
        return Description("child process", f"process {code}", f"child process {self.pid} ({code})", state)

    def _ask(self) -> bool:
        """Whether the process has ended and waits to be reaped."""
        try:
            return os.waitid(os.P_PID, self.pid, _PEEK) is not None
        except ChildProcessError:
            self.reaped = True
            return False

    def _forker(self) -> str:
        codes = [code for code, _ in self.creation.stack if is_users(code.co_filename)]
        return codes[0].co_qualname if codes else "no code of yours"


def _command(arguments: Any) -> str:
    """A command line, shortened: the program without its folder, and as many arguments as fit."""
    try:
        words = [os.fsdecode(word) for word in arguments]
    except TypeError:
        return "of an unknown program"
    if not words:
        return "without a name"
    words[0] = os.path.basename(words[0]) or words[0]  # noqa: PTH119 - pathlib costs
    line = " ".join(words)
    return line if len(line) <= _NAME_LIMIT else f"{line[: _NAME_LIMIT - 1]}…"
