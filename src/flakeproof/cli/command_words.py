"""The words of a command line, and the command after `--`."""


def split_command(words: list[str]) -> tuple[list[str], list[str] | None]:
    """What is for us, and what follows `--`, None without one: Typer would not tell it from a target."""
    if "--" not in words:
        return words, None
    place = words.index("--")
    return words[:place], words[place + 1 :]
