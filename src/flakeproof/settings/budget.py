"""`--budget`: about how long a search may take."""

from flakeproof.errors import UsageError
from flakeproof.settings.table import default_of
from flakeproof.text import parse_duration


def budget(text: str | None, command: str, *, least: float) -> float:
    """Seconds: those in `text`, or the default of the `command` if it is None.

    Raises UsageError for less than the `least`.
    """
    if text is None:
        return float(default_of("budget", command))
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--budget: {error}") from None
    if seconds < least:
        raise UsageError(f"--budget {text} is too short to see anything", "give it minutes: --budget 5m")
    return seconds
