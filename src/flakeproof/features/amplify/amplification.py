"""What an amplification says in the end."""

from flakeproof.errors import ExitCode, exit_code_of_signal
from flakeproof.features.amplify.records import Batch, Found, Stop
from flakeproof.line_search.find_line import DelayFinding
from flakeproof.model import Record

SCHEMA_VERSION = 1


class Tried(Record, frozen=True, kw_only=True):
    """A level that was tried, and how it is typed."""

    factor: str
    level: str
    options: list[str]


class Amplification(Record, frozen=True, kw_only=True):
    """All of it."""

    schema_version: int = SCHEMA_VERSION
    target: str
    seed: int
    exit_code: int
    found: Found | None
    """None where it ended before anything could be said."""
    levels: list[Tried]
    left_out: list[str]
    """Levels that are not possible here, and why."""
    options: list[str]
    """What switches the setting on that was found; none where there is none."""
    command: str
    """That reproduces the failure as fast as was found; empty where there is none."""
    settings: dict[str, str]
    """Of a preset that has the setting switched on."""
    preset: str
    """Name under which it was saved; empty if it was not."""
    line: DelayFinding | None
    """Where a pause matters, if that was looked for."""
    batches: list[Batch]
    """Every batch of the search, in its order."""
    stopped: str | None
    """Why it ended early; None if it did not."""
    elapsed: float
    """Seconds."""


def exit_code(found: Found | None, stopped: str | None) -> ExitCode:
    """1 if it was made to fail, or fails anyway; 0 if nothing ever failed; 4 if there was no time to tell."""
    if (code := exit_code_of_signal(stopped)) is not None:
        return code
    if found is None or found.stop is Stop.BROKEN:
        return ExitCode.BROKEN
    if found.everything.failures or found.best is not None:
        return ExitCode.FAILURES
    return ExitCode.INCONCLUSIVE if found.stop is Stop.OUT_OF_TIME else ExitCode.GOOD
