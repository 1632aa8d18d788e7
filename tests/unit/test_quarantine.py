"""What becomes of an entry of a quarantine."""

from datetime import date
from pathlib import Path

import pytest

from flakeproof.errors import UsageError
from flakeproof.features.quarantine.entries import (
    EXAMPLE,
    EntryState,
    QuarantineEntry,
    SeenInHistory,
    judged,
    read,
)

_ENTRY = QuarantineEntry(id="t.py::test_a", owner="ann", reason="races", until=date(2026, 6, 30))
_TODAY = date(2026, 6, 1)


@pytest.mark.parametrize(
    ("today", "seen", "state"),
    [
        (date(2026, 6, 30), None, EntryState.STANDS),
        (date(2026, 7, 1), None, EntryState.OVER),
        (_TODAY, SeenInHistory(), EntryState.STANDS),
        (_TODAY, SeenInHistory(100, 10, 5), EntryState.STANDS),
        (_TODAY, SeenInHistory(200, 20, 90), EntryState.STABLE),  # at most 5.0 %, and it was at least 6.2 %
        (_TODAY, SeenInHistory(200, 20, 70), EntryState.STANDS),  # at most 6.4 %
        (_TODAY, SeenInHistory(458, 0, 458), EntryState.STANDS),  # at most 1.0005 %
        (_TODAY, SeenInHistory(459, 0, 459), EntryState.STABLE),
        (date(2026, 7, 1), SeenInHistory(459, 0, 459), EntryState.OVER),
    ],
)
def test_decision(today: date, seen: SeenInHistory | None, state: EntryState) -> None:
    """By the date first, then by the history."""
    assert judged(_ENTRY, today, seen).state is state


def test_the_example_can_be_read(tmp_path: Path) -> None:
    """What a user is told to write."""
    (tmp_path / "q.toml").write_text(EXAMPLE)
    (entry,) = read(tmp_path / "q.toml")
    assert (entry.id, entry.until) == ("tests/test_stock.py::test_sold", date(2026, 12, 31))
    (tmp_path / "q.toml").write_text("")
    assert read(tmp_path / "q.toml") == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[test]]\nid = 'a'\nowner = 'b'\nreason = 'c'\n", "missing required field `until`"),
        (EXAMPLE.replace("2026-12-31", "'soon'"), "encoded date"),
        (EXAMPLE.replace('"ann@example.org"', '" "'), "the owner of"),
        (EXAMPLE + "\n" + EXAMPLE, "is there twice"),
        (EXAMPLE + "\nnote = 1", "unknown field `note`"),
        ("[[test]", "Expected"),
        (b"\xff", "codec"),
    ],
)
def test_bad_files(text: str | bytes, told: str, tmp_path: Path) -> None:
    """Named, with an entry as it should be."""
    path = tmp_path / "q.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(UsageError, match=told) as error:
        read(path)
    assert str(path) in error.value.message
