"""`flakeproof quarantine check` as CI runs it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.e2e.conftest import Flakeproof
from tests.integration.history.reports import junit

_TODAY = datetime.now(UTC).date()


def entry(test: str, days: int) -> str:
    """One that is over in so many days."""
    return f'[[test]]\nid = "{test}"\nowner = "ann"\nreason = "races"\nuntil = {_TODAY + timedelta(days)}\n'


def test_entries_that_stand_and_that_do_not(flakeproof: Flakeproof, project: Path) -> None:
    """One is over, one is proven stable, one still fails, one is not known."""
    reports = project / "reports"
    reports.mkdir()
    for number in range(120):
        tests = {"test_mended": "boom" if number < 28 and number % 2 else "", "test_flaky": "boom" * (number % 4 == 0)}
        text = junit(tests, at=f"2026-03-{1 + number // 24:02}T{number % 24:02}:00:00")
        (reports / f"{number}.xml").write_text(text)
    flakeproof("history", "import", "reports")
    file = project / "quarantine.toml"
    file.write_text(entry("tests/test_a.py::test_flaky", 5) + entry("tests/test_a.py::test_other", 5))
    good = flakeproof("quarantine", "check")
    assert (good.returncode, "All 2 entries stand" in good.stdout) == (0, True), good.stderr
    assert "failed 30 of 120, 3 runs without a failure since the last one" in good.stdout
    assert "the history has no run of it" in good.stdout
    file.write_text(file.read_text() + entry("tests/test_a.py::test_mended", 5) + entry("x::old", -2))
    bad = flakeproof("quarantine", "check")
    assert bad.returncode == 1
    assert "over: x::old" in bad.stdout
    assert "stable: tests/test_a.py::test_mended" in bad.stdout
    assert "1 entry over: mend the test, or decide anew; 1 test proven stable" in bad.stdout


def test_without_a_history(flakeproof: Flakeproof, project: Path) -> None:
    """The dates are checked, and none is made; without a file, and with other words, it is an error."""
    (project / "q.toml").write_text(entry("a", 1))
    done = flakeproof("quarantine", "check", "--file", "q.toml")
    assert (done.returncode, "only the dates are checked" in done.stderr) == (0, True)
    assert not (project / ".flakeproof").exists()
    for words in (("check",), ("check", "twice"), ("list",)):
        assert flakeproof("quarantine", *words).returncode == 2
