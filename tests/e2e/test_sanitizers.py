"""`--sanitize` as a user has it: what was mishandled or left behind, where, and whether it goes with failures."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.tools import mostly_long

Flakeproof = Callable[..., subprocess.CompletedProcess[str]]

_SLOPPY = """
import os, socket, tempfile, threading, time
from contextlib import suppress
from flakeproof import current_trial

stop = threading.Event()

def closes_twice():
    near, far = os.pipe()
    for end in (near, far):
        os.close(end)
    with suppress(OSError):
        os.close(near)  # the line

def leaks_a_thread():
    threading.Thread(target=stop.wait, name="heartbeat", daemon=True).start()  # the line

def leaks_a_socket():
    global kept
    kept = socket.socket()  # the line

def fails_where_it_leaks():
    if current_trial().number % 4 == 0:
        threading.Thread(target=stop.wait, daemon=True).start()  # the line
        raise ValueError("every fourth")

def clean():
    with tempfile.TemporaryFile() as file:
        file.write(b"x")
"""
_TESTS = """
import os
from contextlib import suppress

def test_closes_twice():
    near, far = os.pipe()
    os.close(near)
    os.close(far)
    with suppress(OSError):
        os.close(near)  # the line

def test_right():
    pass
"""


@pytest.fixture
def sloppy(project: Path) -> Path:
    """A project that handles things carelessly."""
    (project / "sloppy.py").write_text(_SLOPPY)
    (project / "test_sloppy.py").write_text(_TESTS)
    return project


def _summary(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(ended.stdout)
    return document


def _the_line(source: str, after: str) -> int:
    rows = source.splitlines()
    start = next(number for number, row in enumerate(rows) if row.startswith(f"def {after}"))
    return next(number for number in range(start, len(rows)) if rows[number].endswith("# the line")) + 1


@pytest.mark.parametrize("isolation", ["shared", "fork", "fresh"])
def test_a_close_too_many(flakeproof: Flakeproof, sloppy: Path, isolation: str) -> None:
    """It is seen in every test, though none fails: the exit status is that of the tests."""
    count = {"shared": 60, "fork": 60, "fresh": 6}[isolation]
    arguments = ("-c", str(count), "-w", "2", "--isolation", isolation, "--sanitize", "descriptors", "--json", "-")
    ended = flakeproof("run", "sloppy:closes_twice", *arguments)

    (seen,) = _summary(ended)["sightings"]
    assert (seen["kind"], seen["what"], seen["times"]) == ("closed twice", "pipe", count)
    assert (seen["in_failures"], seen["failures"], seen["in_passes"], seen["passes"]) == (0, 0, count, count)
    assert seen["place"]["line"] == _the_line(_SLOPPY, "closes_twice")
    assert ended.returncode == 0


def test_what_is_left_behind(flakeproof: Flakeproof, sloppy: Path) -> None:
    """It is an outcome of its own, no failure; each is attributed to its test."""
    ended = flakeproof("run", "sloppy:leaks_a_thread", "-c", "8", "-w", "4", "--processes", "1", "--sanitize", "leaks")

    assert ended.returncode == 0
    assert "Leaked: 8 (100.00%, which passed and left something behind)" in ended.stdout
    assert f"sloppy.py:{_the_line(_SLOPPY, 'leaks_a_thread')} in leaks_a_thread" in ended.stdout
    assert "8 tests passed, 8 of them left something behind" in ended.stdout


def test_a_leak_can_be_a_failure(flakeproof: Flakeproof, sloppy: Path) -> None:
    """With a signature and a place, as any failure."""
    ended = flakeproof("run", "sloppy:leaks_a_socket", "-c", "3", "--fail-on-leak", "--json", "-")

    summary = _summary(ended)
    assert (ended.returncode, summary["failed"]) == (1, 3)
    (kind,) = summary["signatures"]
    assert kind["example"]["details"]["exception"]["frames"][-1][1] == _the_line(_SLOPPY, "leaks_a_socket")


def test_what_may_be_left_behind(flakeproof: Flakeproof, sloppy: Path) -> None:
    """By the name of a thread."""
    ended = flakeproof(
        "run", "sloppy:leaks_a_thread", "-c", "4", "--fail-on-leak", "--allow-leak", "thread:heartbeat", "--json", "-"
    )

    assert (ended.returncode, _summary(ended)["sightings"]) == (0, [])


def test_what_goes_with_the_failures(flakeproof: Flakeproof, sloppy: Path) -> None:
    """It is told with its share among failures and among passes."""
    ended = flakeproof("run", "sloppy:fails_where_it_leaks", "-c", "60", "-w", "2", "--sanitize", "all")

    assert "in 15 of 15 failures (100.00%), 0 of 45 passes (0.00%): goes with the failures (p < " in ended.stdout


def test_nothing_is_seen_in_clean_code(flakeproof: Flakeproof, sloppy: Path) -> None:
    """And that is said."""
    ended = flakeproof("run", "sloppy:clean", "-c", "50", "-w", "2", "--sanitize", "all")

    assert "The sanitizers (descriptors and leaks) have seen nothing" in ended.stdout


@mostly_long("isolation", ["shared", "fork", "fresh"], first=1)
def test_the_test_of_pytest_is_named(flakeproof: Flakeproof, sloppy: Path, isolation: str) -> None:
    """Where a pass has several."""
    ended = flakeproof(
        "run", "test_sloppy.py", "-c", "3", "--isolation", isolation, "--sanitize", "all", "--json", "run.json"
    )

    (seen,) = json.loads((sloppy / "run.json").read_bytes())["sightings"]
    guilty = seen["examples"][0]["parts"][0]
    assert (guilty["item"], guilty["place"]["line"]) == (
        "test_sloppy.py::test_closes_twice",
        _the_line(_TESTS, "test_closes_twice"),
    )
    assert (seen["times"], ended.returncode) == (3, 0)


@pytest.mark.long
def test_a_failure_tells_who_closed_its_descriptor(flakeproof: Flakeproof, project: Path) -> None:
    """The scenario before the fix: its guard closes by number, and hits a stranger."""
    # With a single failure it is chance what else goes with it.
    until = ("-c", "3000", "--max-failures", "30")
    ended = flakeproof(
        "run", "tcprtt", "--server", "leaky", "-w", "20", *until, "--sanitize", "descriptors", "--json", "-"
    )

    summary = _summary(ended)
    assert ended.returncode == 1
    worst = summary["sightings"][0]
    assert worst["kind"] == "closed a descriptor that belongs to somebody else"
    assert worst["place"]["function"] == "LeakyAsyncTCPServer._guard"
    assert worst["in_failures"] > 0.7 * summary["failed"]
    texts = [sight["text"] for sight in summary["signatures"][0]["example"]["details"]["sights"]]
    assert any("was closed at leaky_server.py:" in text for text in texts)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("sloppy:clean", "--sanitize", "descriptor"),
            "--sanitize: 'descriptor' is not one of all, descriptors, leaks",
        ),
        (("sloppy:clean", "--leak-settle", "1s"), "--leak-settle is about leaks, which are not watched"),
        (("sloppy:clean", "--fail-on-leak", "--allow-leak", "tread:x"), "--allow-leak: 'tread:x'"),
        (("--sanitize", "all", "--", "true"), "--sanitize is for Python, and this is a command"),
    ],
)
def test_bad_input(flakeproof: Flakeproof, sloppy: Path, arguments: tuple[str, ...], said: str) -> None:
    """It is named."""
    ended = flakeproof("run", *arguments)

    assert ended.returncode == 2
    assert said in ended.stderr
