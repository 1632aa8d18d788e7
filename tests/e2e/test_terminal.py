"""What a terminal shows."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest


def _on_terminal(
    command: list[str], cwd: Path, environment: dict[str, str], *, columns: int = 100, interrupt_at: str | None = None
) -> tuple[int, str]:
    """Exit status and everything written, stdout and stderr on one terminal; Ctrl-C when `interrupt_at` is shown."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    process = subprocess.Popen(
        command, cwd=cwd, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    text = b""
    try:
        while True:
            assert select.select([ours], [], [], 60)[0], text.decode(errors="replace")
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # EIO: the last one has closed it
                break
            if not chunk:
                break
            text += chunk
            if interrupt_at is not None and interrupt_at.encode() in text:
                interrupt_at = None
                os.kill(process.pid, signal.SIGINT)
        return process.wait(timeout=60), text.decode()
    finally:
        os.close(ours)
        process.kill()
        process.wait()


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "flakeproof", "run", *arguments]


def test_a_terminal_gets_a_display_that_ends_cleanly(project: Path, environment: dict[str, str]) -> None:
    """Progress with rate, interval and time left; after Ctrl-C the cursor is back and the results stand last."""
    status, text = _on_terminal(
        _command("targets:naps", "-c", "9000"),
        project,
        environment | {"TERM": "xterm"},
        interrupt_at=" left",
    )

    assert status == 130, text
    assert "tests/s" in text
    assert "failure rate: at most" in text
    assert "/9,000" in text
    shown, results = text.split("=== Stress Test Results ===")
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l") >= 0
    assert "\x1b[?25l" not in results
    assert "Not complete: interrupted" in results
    assert "failure rate: at most" not in results


@pytest.mark.parametrize("change", [{"TERM": "dumb"}, {"TERM": "xterm", "CI": "true"}, {}])
def test_no_display_where_it_cannot_be(project: Path, environment: dict[str, str], change: dict[str, str]) -> None:
    """A dumb terminal, one of unknown kind, and CI get plain lines."""
    status, text = _on_terminal(_command("targets:passes", "-c", "1000"), project, environment | change)

    assert status == 0
    assert "\x1b[?25l" not in text
    assert "All 1000 tests passed!" in text


def test_colour_is_left_out_on_request(project: Path, environment: dict[str, str]) -> None:
    """NO_COLOR leaves the display and takes the colours."""
    status, text = _on_terminal(
        _command("targets:flaky", "-c", "2000"), project, environment | {"TERM": "xterm", "NO_COLOR": "1"}
    )

    assert status == 1
    assert not re.search(r"\x1b\[(?:3\d|38;)[\d;]*m", text)


def test_a_narrow_terminal_gets_lines_that_fit(project: Path, environment: dict[str, str]) -> None:
    """No line of the display is wider than the terminal, so that it can be redrawn in place; the interval is in it."""
    status, text = _on_terminal(
        _command("targets:flaky", "-c", "1000000", "--seed", "4"),
        project,
        environment | {"TERM": "xterm", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
        columns=40,
        interrupt_at="interval  █",
    )

    assert status == 130
    display = text.split("\x1b[?25l", 1)[1].split("\x1b[?25h", 1)[0]
    rows = re.split(r"\r\n|\r|\n", re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "\n", display))
    assert max(len(row) for row in rows if not row.startswith("FAILURE")) < 40
    assert any(re.match(r"rate: [\d.]+% \([\d.]+% to [\d.]+%\)", row) for row in rows)


def test_results_are_not_only_on_the_terminal(project: Path, environment: dict[str, str]) -> None:
    """With stdout in a file, the failures are in that file, although the display is on."""
    command = " ".join([*_command("targets:fails_at_17", "-c", "40"), ">", "results.txt"])

    status, _ = _on_terminal(["bash", "-c", command], project, environment | {"TERM": "xterm"})

    assert status == 1
    results = (project / "results.txt").read_text()
    assert results.startswith("FAILURE #1 on test 17: ValueError: seventeen\n")
    assert "\x1b" not in results
