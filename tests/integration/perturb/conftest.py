"""Runs of small targets with one perturbation."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

import flakeproof
from flakeproof.events import TrialFailed
from flakeproof.results.summary import Summary

Runner = Callable[..., Summary]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runner:
    """Runs a target of a module with this code, in one process, and with a fixed seed."""

    def runner(code: str, target: str = "check", **options: Any) -> Summary:
        (tmp_path / "perturbed.py").write_text(code)
        monkeypatch.chdir(tmp_path)
        settings: dict[str, Any] = {"workers": 1, "processes": 1, "count": 20, "seed": 7, "store": tmp_path / "store"}
        return flakeproof.run(f"perturbed:{target}", **settings | options)

    return runner


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., dict[int, str]]:
    """Runs a target that always fails, and tells what with in each trial; a function of the code, or a command."""

    def runner(code: str, target: Any = "check", **options: Any) -> dict[int, str]:
        (tmp_path / "perturbed.py").write_text(code)
        monkeypatch.chdir(tmp_path)
        found: dict[int, str] = {}

        def hear(event: Any) -> None:
            if isinstance(event, TrialFailed):
                found[event.failure.trial] = event.failure.message.removeprefix("AssertionError: ")

        settings: dict[str, Any] = {"workers": 1, "processes": 1, "count": 6, "seed": 7, "store": tmp_path / "store"}
        wanted = f"perturbed:{target}" if isinstance(target, str) else target
        flakeproof.run(wanted, on_event=hear, **settings | options)
        return found

    return runner


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for `condition`; fail if it takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.01)


def below(pid: int) -> list[tuple[psutil.Process, list[str]]]:
    """Every descendant of the process `pid` that runs, with its command line."""
    found = []
    for child in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.Error):  # it has ended in the meantime
            if words := child.cmdline():
                found.append((child, words))
    return found


def is_alive(process: psutil.Process) -> bool:
    """Whether it is there, and not only its exit status."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def standing_still(process: psutil.Process) -> bool:
    """Whether it is there, and stopped."""
    try:
        return process.status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False
