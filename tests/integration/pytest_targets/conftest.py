"""Suites of tests, written for one test, run by flakeproof and by plain pytest."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any
from xml.etree import ElementTree

import pytest

import flakeproof
from flakeproof.events import AnyEvent, Noted, TrialFailed, TrialLost, TrialSkipped, TrialsPassed
from flakeproof.model import Failure
from flakeproof.results.summary import ItemSummary, Summary

every_isolation = pytest.mark.parametrize(
    # An interpreter for each trial takes its time.
    "isolation",
    ["shared", "fork", pytest.param("fresh", marks=pytest.mark.long)],
)
kept_processes = pytest.mark.parametrize("isolation", ["shared", "fork"])
"""For what goes the same way in a new interpreter for each trial, which takes long."""
_KEPT = {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR"}


@dataclass
class Seen:
    """A run's summary, and its events as a sink hears them."""

    summary: Summary
    events: list[AnyEvent] = field(default_factory=list)

    @property
    def failures(self) -> list[Failure]:
        """Every failure, in order."""
        found: list[Failure] = []
        for event in self.events:
            if isinstance(event, TrialFailed):
                found += [event.failure, *event.further]
        return found

    @property
    def notes(self) -> list[str]:
        """What was remarked."""
        return [event.message for event in self.events if isinstance(event, Noted)]

    @property
    def lost(self) -> list[str]:
        """Why trials have no result."""
        return [event.reason for event in self.events if isinstance(event, TrialLost)]

    def item(self, name: str) -> ItemSummary:
        """The test whose id ends in `name`."""
        (found,) = [item for item in self.summary.items if item.item.endswith(name)]
        return found


class Suite:
    """A folder with tests."""

    def __init__(self, folder: Path, store: Path) -> None:
        self.folder = folder
        self.python = sys.executable
        """The interpreter that has the tests."""
        self._store = store

    def write(self, **files: str) -> "Suite":
        """Write `name="…"` to name.py; returns itself."""
        for name, text in files.items():
            path = self.folder / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        return self

    def run(self, *arguments: str, isolation: str = "fork", options: tuple[str, ...] = (), **settings: Any) -> Seen:
        """Run it, and check what must hold after every run."""
        seen: list[AnyEvent] = []
        summary = flakeproof.run(
            flakeproof.pytest_nodes(*arguments, options=options),
            isolation=isolation,
            on_event=seen.append,
            store=self._store,
            **{"seed": 1, "count": 1, "workers": 1, "grace": 0.3, "python": self.python, **settings},
        )
        found = Seen(summary, seen)
        _check_books(found)
        return found

    def pytest(self, *arguments: str) -> dict[str, str]:
        """How plain pytest says each test ends: passed, failed or skipped."""
        report = self.folder.parent / "plain.xml"
        subprocess.run(
            [self.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junit-xml={report}", *arguments],
            cwd=self.folder,
            env={name: value for name, value in os.environ.items() if name in _KEPT},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=300,
            check=False,
        )
        found: dict[str, str] = {}
        for case in ElementTree.parse(report).iter("testcase"):
            name = f"{case.get('classname')}::{case.get('name')}"
            kinds = {child.tag for child in case}
            ending = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
            found[name] = "failed" if found.get(name) == "failed" else ending
        return found


def _check_books(seen: Seen) -> None:
    """Every trial has one outcome, and together they are the plan."""
    summary = seen.summary
    alone = [event.failure.trial for event in seen.events if isinstance(event, TrialFailed)]
    alone += [event.trial for event in seen.events if isinstance(event, TrialSkipped | TrialLost)]
    assert sorted(set(alone)) == sorted(alone)
    passed = sum(event.count for event in seen.events if isinstance(event, TrialsPassed))
    assert passed == summary.passed
    assert len(alone) + passed == summary.total
    if summary.stopped is None:
        assert summary.planned == summary.total
    failures = Counter(failure.item for failure in seen.failures)
    for item in summary.items:
        assert item.failed <= failures[item.item]
        assert sum(item.outcomes.values()) <= summary.total


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """An empty project, which is the current folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    monkeypatch.chdir(folder)
    for name in list(os.environ):
        if name.startswith(("PYTEST_", "FLAKEPROOF_")) and name != "PYTEST_CURRENT_TEST":
            monkeypatch.delenv(name)
    return Suite(folder, tmp_path / "store")
