"""Runs of small targets with one perturbation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flakeproof
from flakeproof.events import TrialFailed
from flakeproof.summary import Summary

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
