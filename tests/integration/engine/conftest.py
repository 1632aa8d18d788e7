"""Real runs of planted targets, in every kind of lane."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

import flakeproof
from flakeproof.events import AnyEvent, TrialFailed, TrialLost, TrialSkipped, TrialsPassed
from flakeproof.model import Failure
from flakeproof.results.summary import Summary

TARGETS = Path(__file__).parent / "targets"


@dataclass(frozen=True)
class Lane:
    """A kind of lane and the settings that lead to it."""

    name: str
    prefix: str
    options: dict[str, Any]


LANES = [
    Lane("inline", "", {"workers": 2, "processes": 2}),
    Lane("threads", "", {"workers": 4, "processes": 1}),
    Lane("task", "a_", {"workers": 2, "processes": 2}),
    Lane("tasks", "a_", {"workers": 4, "processes": 1}),
    Lane("forks", "", {"workers": 3, "processes": 1, "isolation": "fork"}),
    Lane("async forks", "a_", {"workers": 3, "processes": 1, "isolation": "fork"}),
]
SYNC = [lane for lane in LANES if not lane.prefix]
ASYNC = [lane for lane in LANES if lane.prefix]
_RARE = {"task", "async forks"}
"""They share their code with two others each; most tests of them need --long."""


def lanes(which: list[Lane]) -> pytest.MarkDecorator:
    """Run a test in each of these kinds of lane."""
    rare = pytest.mark.long
    found = [pytest.param(lane, id=lane.name, marks=[rare] if lane.name in _RARE else []) for lane in which]
    return pytest.mark.parametrize("lane", found)


@dataclass
class Seen:
    """A run's summary, and its events as a sink hears them."""

    summary: Summary
    failures: list[Failure] = field(default_factory=list)
    skipped: list[TrialSkipped] = field(default_factory=list)
    lost: list[TrialLost] = field(default_factory=list)
    passed: int = 0

    def trials(self, outcome: str) -> list[int]:
        """Numbers of the trials that ended badly in this way, in order."""
        return sorted(failure.trial for failure in self.failures if failure.outcome == outcome)


Runner = Callable[..., Seen]
Children = Callable[[], list[psutil.Process]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Run a function of the planted targets, or a command, and check what must hold after every run."""

    def runner(
        target: str | list[str],
        lane: Lane | None = None,
        *,
        listen: Callable[[AnyEvent], None] = lambda event: None,
        folder: Path = TARGETS,
        **options: Any,
    ) -> Seen:
        monkeypatch.chdir(folder)
        events: list[AnyEvent] = []

        def hear(event: AnyEvent) -> None:
            events.append(event)
            listen(event)

        settings = {
            "store": str(tmp_path / "store"),
            "seed": 1,
            "grace": 0.3,
            **(lane.options if lane else {}),
            **options,
        }
        summary = flakeproof.run(
            target if isinstance(target, list) or ":" in target else f"faults:{lane.prefix if lane else ''}{target}",
            on_event=hear,
            **settings,
        )
        seen = Seen(summary)
        for event in events:
            match event:
                case TrialFailed():
                    seen.failures.append(event.failure)
                case TrialSkipped():
                    seen.skipped.append(event)
                case TrialLost():
                    seen.lost.append(event)
                case TrialsPassed():
                    seen.passed += event.count
        check_books(seen)
        check_folder(Path(summary.folder))
        return seen

    return runner


@pytest.fixture
def children() -> Children:
    """The child processes that this program has got since: not those of other tests, such as a warm interpreter."""
    before = psutil.Process().children()
    return lambda: [child for child in psutil.Process().children() if child not in before]


def check_books(seen: Seen) -> None:
    """Every trial has one outcome, and together they are the plan."""
    summary = seen.summary
    alone = [failure.trial for failure in seen.failures]
    alone += [event.trial for event in seen.skipped] + [event.trial for event in seen.lost]
    assert sorted(set(alone)) == sorted(alone)
    assert seen.passed == summary.passed
    assert len(alone) + seen.passed == summary.total
    if summary.stopped is None:
        assert summary.planned == summary.total
        assert all(1 <= trial <= summary.total for trial in alone)


def check_folder(folder: Path) -> None:
    """A run leaves the documented files in its folder, and nothing else in the store."""
    assert {path.name for path in folder.iterdir()} == {"events.jsonl", "spec.json", "spec.mark"}
    store = folder.parent.parent
    assert {path.name for path in store.iterdir()} <= {".gitignore", "latest", "runs"}
