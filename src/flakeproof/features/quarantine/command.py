"""`flakeproof quarantine check` in front of the user."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flakeproof.clock import now
from flakeproof.errors import ExitCode, UsageError
from flakeproof.features.history.database import HistoryDatabase, place_of
from flakeproof.features.quarantine.entries import CheckedEntry, EntryState, SeenInHistory, judged, read
from flakeproof.reports.files import report_files
from flakeproof.reports.presentation import Presentation
from flakeproof.reports.writer import Style
from flakeproof.settings.from_options import options_in, settings
from flakeproof.settings.load import Config
from flakeproof.settings.values import is_url
from flakeproof.text import one_line, plural

DEFAULT_FILE = "quarantine.toml"
_NAME = 200


def quarantine(words: Sequence[str], given: Mapping[str, Any]) -> int:
    """Check the entries of the file; return the exit code. Raises UsageError."""
    if list(words) != ["check"]:
        asked = " ".join(words) or "nothing"
        raise UsageError(f"quarantine can be asked to check, and {asked!r} was asked", "flakeproof quarantine check")
    config = settings(options_in(given))
    path = Path(given["file"] or config.folder / DEFAULT_FILE)
    entries = read(path)
    presentation = Presentation(report_files(config, only_asked=True, names=()))
    seen = _seen(config, [entry.id for entry in entries])
    if seen is None and entries:
        presentation.note(f"there is no history in {place_of(config)}: only the dates are checked")
    today = now().date()
    checked = [
        judged(entry, today, seen.get(entry.id, SeenInHistory()) if seen is not None else None) for entry in entries
    ]
    bad = [one for one in checked if one.state is not EntryState.STANDS]
    presentation.block(_rows(checked), _closing(checked, bad), Style.BAD if bad else Style.GOOD)
    presentation.writer.close()
    return ExitCode.FAILURES if bad else ExitCode.GOOD


def _seen(config: Config, tests: Sequence[str]) -> Mapping[str, SeenInHistory] | None:
    """What the history has of each; None where there is none."""
    place = place_of(config)
    if not is_url(place) and not Path(place).exists():
        return None
    from flakeproof.features.history.loading import quiet_runs

    database = HistoryDatabase(place, must_exist=True)
    try:
        return {name: SeenInHistory(*counts) for name, counts in quiet_runs(database, tests).items()}
    finally:
        database.close()


def _rows(checked: Sequence[CheckedEntry]) -> list[str]:
    rows = ["=== Quarantine ==="]
    for one in sorted(checked, key=lambda one: (one.state is EntryState.STANDS, one.entry.until, one.entry.id)):
        entry = one.entry
        rows.append(f"{one.state}: {one_line(entry.id, _NAME)}")
        rows.append(f"  until {entry.until}, {one_line(entry.owner, _NAME)}: {one_line(entry.reason, _NAME)}")
        if one.why:
            rows.append(f"  {one.why}")
    return rows


def _closing(checked: Sequence[CheckedEntry], bad: Sequence[CheckedEntry]) -> str:
    if not bad:
        return f"All {len(checked)} entries stand" if len(checked) != 1 else "The entry stands"
    over = sum(one.state is EntryState.OVER for one in bad)
    parts = [f"{plural(over, 'entry', 'entries')} over: mend the test, or decide anew"] if over else []
    if len(bad) > over:
        parts.append(f"{plural(len(bad) - over, 'test')} proven stable: take it out of the quarantine")
    return "; ".join(parts)
