"""The words of a command line, and the command after `--`."""

import shlex
import shutil
from collections.abc import Sequence

from flakeproof.targets.forgotten_dashes import TAKING_COMMANDS


def split_command(words: list[str]) -> tuple[list[str], list[str] | None]:
    """What is for us, and what follows `--`, None without one: Typer would not tell it from a target."""
    if "--" not in words:
        return words, None
    place = words.index("--")
    return words[:place], words[place + 1 :]


def hint(typed: Sequence[str]) -> str:
    """What may be wrong with a command line that could not be read: options of another program; "" if nothing."""
    if len(typed) < 2 or typed[0] not in TAKING_COMMANDS or "--" in typed:
        return ""
    for index, word in enumerate(typed[1:], 1):
        if not word.startswith("-") and not typed[index - 1].startswith("-") and shutil.which(word):
            return f"did you mean `flakeproof {shlex.join([*typed[:index], '--', *typed[index:]])}`?"
    return ""
