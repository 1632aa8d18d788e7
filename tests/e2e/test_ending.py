"""What ends a run from outside: a signal leaves the reports and nothing else; what is inherited is put right."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.tools import in_own_mounts, mostly_long

SLOW = """
import os, time

def wait():
    with open(os.environ["STARTED"], "w"):
        pass
    time.sleep(60)
"""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(project: Path, environment: dict[str, str], tmp_path: Path) -> Start:
    """Start a run of which the tests last for ever, and return when one has begun."""
    (project / "slow.py").write_text(SLOW)
    started, temporary = tmp_path / "started", tmp_path / "tmp"
    os.mkfifo(started)
    temporary.mkdir()
    environment |= {"STARTED": str(started), "TMPDIR": str(temporary)}

    def starting(*options: str, before: Callable[[], object] | None = None) -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "flakeproof", "run", "slow:wait", "-c", "4", "-w", "1", "--grace", "100ms"]
        process = subprocess.Popen(
            [*words, *options],
            cwd=project,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=before,
        )
        started.read_bytes()
        return process

    return starting


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143), (signal.SIGQUIT, 143)]
)
def test_every_signal_leaves_the_report_and_nothing_else(
    number: signal.Signals, code: int, start: Start, project: Path, tmp_path: Path
) -> None:
    """A closed terminal (SIGHUP) and Ctrl-\\ (SIGQUIT) end a run as SIGTERM does."""
    with start("--json", "run.json") as process:
        process.send_signal(number)
        process.communicate(timeout=30)
    document = json.loads((project / "run.json").read_bytes())
    assert process.returncode == document["exit_code"] == code
    assert document["stopped"] == ("interrupted" if code == 130 else "terminated")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_storm_of_signals_costs_no_report(start: Start, project: Path, tmp_path: Path) -> None:
    """From the first one on they come as fast as they can be sent, until the process has ended."""
    with start("--json", "run.json", "--junit-xml", "run.xml", "--markdown", "run.md") as process:
        ended = threading.Event()

        def storm() -> None:
            while not ended.wait(0.001):
                process.send_signal(signal.SIGINT)

        sender = threading.Thread(target=storm)
        sender.start()
        _, errors = process.communicate(timeout=60)
        ended.set()
        sender.join()
    assert "Traceback" not in errors
    document = json.loads((project / "run.json").read_bytes())
    assert process.returncode == document["exit_code"] == 130
    assert (project / "run.xml").read_text().rstrip().endswith("</testsuites>")
    assert (project / "run.md").read_text().rstrip().endswith("</sub>")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_signal_that_is_to_be_ignored_is_ignored(start: Start, project: Path) -> None:
    """As nohup has it for SIGHUP."""
    with start("--json", "run.json", before=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130


def test_blocked_signals_arrive(start: Start) -> None:
    """Somebody has started us with every signal blocked."""
    mask = set(signal.valid_signals())
    with start(before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, mask)) as process:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 143


@mostly_long(
    ("words", "outcomes"),
    [
        (["--", "true"], {"passed": 6}),
        (["--isolation", "fork", "targets:fails"], {"failed": 6}),
        (["--", "sh", "-c", "exit 3"], {"failed": 6}),
    ],
    first=1,
)
def test_ends_of_children_are_known_though_sigchld_was_ignored(
    words: list[str], outcomes: dict[str, int], project: Path, environment: dict[str, str]
) -> None:
    """Who ignores SIGCHLD has the kernel throw the status of children away, and passes that on to what it starts."""
    subprocess.run(
        [sys.executable, "-m", "flakeproof", "run", "-c", "6", "--json", "run.json", *words],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
    )
    assert json.loads((project / "run.json").read_bytes())["outcomes"] == outcomes


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """When the disk is full, an older good one stays as it is, and nothing is left beside it."""
    script = """
        import pathlib, subprocess, sys
        here = pathlib.Path.cwd()
        small = here / "small"
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", small], check=True)
        (small / "r.json").write_text("old and good")
        (small / "filler").write_bytes(bytes(4096 * 2))
        words = ["run", "-c", "2", "--json", "small/r.json", "--", "sh", "-c", "seq 10000; exit 1"]
        done = subprocess.run([sys.executable, "-m", "flakeproof", *words], capture_output=True, text=True)
        print(done.returncode, "the JSON report was not written: No space left on device" in done.stderr)
        print((small / "r.json").read_text(), sorted(path.name for path in small.iterdir()))
    """
    assert in_own_mounts(script, tmp_path).splitlines() == ["1 True", "old and good ['filler', 'r.json']"]
