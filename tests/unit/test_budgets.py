"""Budgets are held whatever takes long: starts, trials in flight, what comes after. The clock is moved by hand."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flakeproof.engine import company, dispatcher
from flakeproof.engine.leases import Pool
from flakeproof.engine.run_end import is_over_with_patience
from flakeproof.errors import Stop
from flakeproof.events import AnyEvent, Progressed
from flakeproof.failures.signature import Alike
from flakeproof.features.amplify import batch_runner
from flakeproof.features.amplify.records import PLAIN
from flakeproof.line_search import probes
from flakeproof.model import Isolation, PytestTarget, RunSpec

SPEC = RunSpec(
    target=PytestTarget(name="t.py", python="python", folder="/project", arguments=["t.py"], options=[]),
    seed=1,
    workers=2,
    processes=2,
    isolation=Isolation.FORK,
    count=None,
    grace=5.0,
)


class Clock:
    """Seconds that pass only when they are told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *modules: object) -> None:
        self.now = 100.0
        for module in modules:
            monkeypatch.setattr(module, "monotonic_ns", lambda: int(self.now * 1e9))


def test_patience_is_the_last_word() -> None:
    """Of a run that has some; any other one may take the time that its start and its trials in flight take."""
    patient = msgspec.structs.replace(SPEC, duration=10.0, patience=2.0)
    assert [is_over_with_patience(patient, seconds) for seconds in (9.0, 11.9, 12.0)] == [False, False, True]
    assert not is_over_with_patience(msgspec.structs.replace(SPEC, duration=10.0), 1000.0)
    assert not is_over_with_patience(msgspec.structs.replace(SPEC, patience=2.0), 1000.0)


def test_a_run_whose_start_takes_all_of_its_time_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No process has become ready, so that its duration has not even begun."""
    clock = Clock(monkeypatch, dispatcher)
    spec = msgspec.structs.replace(SPEC, duration=10.0, patience=2.0)
    folder = str(tmp_path)
    made = dispatcher.Dispatcher(spec, folder, folder, "run", lambda event: None, Pool(1, None))
    clock.now += 12.0
    made.step(0.0)
    made.close()
    assert made.end().stopped == Stop.DURATION.value


def test_a_batch_of_amplify_gets_no_more_than_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start, trials in flight and all; the first trial as well."""
    clock = Clock(monkeypatch, batch_runner)
    asked: list[tuple[float, float]] = []

    def execute(spec: RunSpec, *rest: object) -> None:
        assert spec.duration is not None
        assert spec.patience is not None
        asked.append((spec.duration + spec.patience, 75.0 - (clock.now - 100.0)))
        clock.now += spec.duration + spec.patience if len(asked) == 3 else 20.0

    monkeypatch.setattr(batch_runner, "execute", execute)
    runner = batch_runner.Runner(lambda setting: SPEC, 75.0, Alike(()), keeps_timeout=False)
    runner.first()
    runner(PLAIN, 10.0)
    runner(PLAIN, 10.0)
    assert [total for total, _ in asked] == [pytest.approx(left) for _, left in asked] == [75.0, 55.0, 35.0]
    assert runner.left() == 0.0


def test_a_probe_for_a_line_gets_no_more_than_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it wait for trials in flight then."""
    clock = Clock(monkeypatch, probes)
    asked: list[RunSpec] = []

    def execute(spec: RunSpec, *rest: object) -> None:
        asked.append(spec)
        clock.now += 15.0

    monkeypatch.setattr(probes, "execute", execute)
    search = probes.Probes(msgspec.structs.replace(SPEC, patience=99.0), 20.0, Alike(()))
    search.places()
    search([], 4)
    assert [(spec.duration, spec.patience) for spec in asked] == [(20.0, 0.0), (5.0, 0.0)]


def test_the_check_of_copies_ends_with_the_duration_of_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever its turns take to start, and without waiting for trials in flight."""
    clock = Clock(monkeypatch, company)

    class Slow:
        """Runs nothing; it takes its time to do so, and the grace of trials in flight where it may."""

        def __init__(self, spec: RunSpec, *given: Any, **more: Any) -> None:
            self._hear: Callable[[AnyEvent], None] = given[3]
            self._waits: bool | None = None

        def stop(self, reason: Stop, *, urgently: bool = False) -> None:
            self._waits = not urgently

        def run(self) -> None:
            while self._waits is None:
                clock.now += 0.5
                self._hear(Progressed(completed=0, failed=0, planned=None, elapsed=0.0, planned_duration=None))
            if self._waits:
                clock.now += SPEC.grace

    @contextmanager
    def quiet(*rest: object) -> Iterator[None]:
        yield

    monkeypatch.setattr(company, "Dispatcher", Slow)
    monkeypatch.setattr(company, "surroundings", quiet)
    seen = company.FailureSeen(passed=25, failed=25)
    seen.items["t.py::a"] = 25
    spec = msgspec.structs.replace(SPEC, duration=15.0)
    check = company.Check(spec, seen, "run", tmp_path, None, None, 2.0, left=3.0)
    notes: list[str] = []
    found = check.run(notes.append)
    assert notes
    assert found.reason
    assert 3.0 <= clock.now - 100.0 <= 4.0


def test_no_check_begins_when_the_duration_is_over(tmp_path: Path) -> None:
    """Then it says that there was no time."""
    seen = company.FailureSeen(passed=25, failed=25)
    seen.items["t.py::a"] = 25
    check = company.Check(
        msgspec.structs.replace(SPEC, duration=15.0), seen, "run", tmp_path, None, None, 2.0, left=-1.0
    )
    assert "there is no time for that" in check.run(lambda text: None).reason
