"""A command that was typed without `--` in front of it, and how it is typed with it."""

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from flakeproof.scenarios.catalogue import SCENARIOS

TAKING_COMMANDS = frozenset({"run", "gate", "verify", "amplify", "diagnose", "fdtrace"})
"""Commands of ours that run another one, which follows `--`."""


def is_command(words: Sequence[str], folder: Path) -> bool:
    """Whether `words`, which were taken for a target, are rather a command with its arguments."""
    if not words or words[0] in SCENARIOS or ":" in words[0] or words[0].endswith(".py"):
        return False
    first = words[0]
    path = folder / first
    if path.exists():
        return path.is_file() and "/" in first and shutil.which(first, path=str(folder)) is not None
    return shutil.which(first) is not None or len(words) > 1


def with_dashes(words: Sequence[str]) -> str:
    """What to type: this command line with `--` before `words`, or a shorter one where they stand apart in it."""
    typed = sys.argv[1:]
    if typed and typed[0] in TAKING_COMMANDS and (start := len(typed) - len(words)) > 0 and typed[start:] == [*words]:
        meant = [*typed[:start], "--", *words]
    else:
        meant = [typed[0] if typed and typed[0] in TAKING_COMMANDS else "run", "--", *words]
    command = f"`flakeproof {shlex.join(meant)}`"
    return f"did you mean {command}?" if shutil.which(words[0]) else f"if it is a command: {command}"
