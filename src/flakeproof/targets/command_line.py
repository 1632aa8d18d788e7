"""The words of a command line: those for flakeproof, the command after `--`, and a `--` that was forgotten."""

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from flakeproof.errors import UsageError
from flakeproof.scenarios.catalogue import SCENARIOS


def check_text(text: str) -> None:
    """Raise UsageError for text that cannot be in the record of a run, or in any command line."""
    try:
        text.encode()
    except UnicodeEncodeError:
        shown = text.encode(errors="backslashreplace").decode()
        raise UsageError(f"{shown} is not UTF-8", "run a script that makes that argument instead") from None
    if "\0" in text:
        raise UsageError(f"{text!r} has a null character, which no command can be given")


TAKING_COMMANDS = frozenset({"run", "gate", "verify", "bisect", "amplify", "diagnose", "fdtrace", "wire"})
"""Commands of flakeproof that run another command, which follows `--`."""


def is_command(words: Sequence[str], folder: Path) -> bool:
    """Whether `words`, which were read as a target, look like a command with its arguments."""
    if not words or words[0] in SCENARIOS or ":" in words[0] or words[0].endswith(".py"):
        return False
    first = words[0]
    path = folder / first
    if path.exists():
        return path.is_file() and "/" in first and shutil.which(first, path=str(folder)) is not None
    return shutil.which(first) is not None or len(words) > 1


def with_dashes(words: Sequence[str]) -> str:
    """A hint: this command line with `--` before `words`, or a shorter one if they are not at its end."""
    typed = sys.argv[1:]
    if typed and typed[0] in TAKING_COMMANDS and (start := len(typed) - len(words)) > 0 and typed[start:] == [*words]:
        meant = [*typed[:start], "--", *words]
    else:
        meant = [typed[0] if typed and typed[0] in TAKING_COMMANDS else "run", "--", *words]
    command = f"`flakeproof {shlex.join(meant)}`"
    return f"did you mean {command}?" if shutil.which(words[0]) else f"if it is a command: {command}"


def split_command(words: list[str]) -> tuple[list[str], list[str] | None]:
    """The words for flakeproof, and those after `--` (None without it), which Typer would not distinguish."""
    if "--" not in words:
        return words, None
    place = words.index("--")
    return words[:place], words[place + 1 :]


def hint(typed: Sequence[str]) -> str:
    """A hint on a command line that could not be read: perhaps its options are another program's; "" for none."""
    if len(typed) < 2 or typed[0] not in TAKING_COMMANDS or "--" in typed:
        return ""
    for index, word in enumerate(typed[1:], 1):
        if not word.startswith("-") and not typed[index - 1].startswith("-") and shutil.which(word):
            return f"did you mean `flakeproof {shlex.join([*typed[:index], '--', *typed[index:]])}`?"
    return ""
