"""How far a search is, on a terminal and elsewhere."""

import io
from pathlib import Path

import pytest

from flakeproof.reports.writer import ProgressLine, Writer


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _xterm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("COLUMNS", "20")


def test_on_a_terminal_it_is_one_line_that_goes_in_the_end() -> None:
    """It is cleared before each, fits the width, and leaves nothing."""
    stream = _Terminal()
    progress = ProgressLine(Writer(stream, stream))
    progress("probe 1: a line that is much longer than the terminal is wide")
    progress("probe 2")  # a moment later: not worth drawing
    progress.close()

    assert "\n" not in stream.getvalue()
    first, shown, rest = stream.getvalue().split("\r\x1b[2K")
    assert (first, len(shown), rest) == ("", 19, "")


def test_elsewhere_a_search_of_a_moment_prints_nothing(tmp_path: Path) -> None:
    """No line for each probe in the log of a CI job."""
    stream = io.StringIO()
    progress = ProgressLine(Writer(stream, stream))
    for number in range(100):
        progress(f"probe {number}")
    progress.close()

    assert stream.getvalue() == ""


def test_every_line_on_request() -> None:
    """Also on a terminal."""
    stream = _Terminal()
    progress = ProgressLine(Writer(stream, stream), every=True)
    for number in range(3):
        progress(f"probe {number}")
    progress.close()

    assert [row for row in stream.getvalue().splitlines() if "probe" in row and "\r" not in row] != []
    assert stream.getvalue().count("probe ") == 3
