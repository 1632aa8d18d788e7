"""Words of a command line that are handed on to a program."""

from flakeproof.errors import UsageError


def check_text(text: str) -> None:
    """Raise UsageError for what cannot stand in the record of a run, or in any command line."""
    try:
        text.encode()
    except UnicodeEncodeError:
        shown = text.encode(errors="backslashreplace").decode()
        raise UsageError(f"{shown} is not UTF-8", "let a script of yours make that argument") from None
    if "\0" in text:
        raise UsageError(f"{text!r} has a null character, which no command can be given")
