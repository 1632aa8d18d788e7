"""`--budget`: about how long a search may take."""

from flakeproof.errors import UsageError
from flakeproof.text import parse_duration


def budget(text: str | None, *, default: float, least: float) -> float:
    """Seconds: those in `text`, or the `default` if it is None. Raises UsageError for less than the `least`."""
    if text is None:
        return default
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--budget: {error}") from None
    if seconds < least:
        raise UsageError(f"--budget {text} is too short to see anything", "give it minutes: --budget 5m")
    return seconds
