"""Tests that cannot run twice in one process."""

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flakeproof.errors import Stop
from flakeproof.events import (
    AnyRecord,
    ItemsCollected,
    RunEnded,
    RunStarted,
    StateLookedFor,
    TrialFailed,
    TrialSkipped,
    TrialsPassed,
)
from flakeproof.features.run import recorded_run, report
from flakeproof.model import Carrier, Failure, Isolation, ItemOutcome, Outcome, PytestTarget, RunSpec
from flakeproof.results.dependence import repetition_in
from flakeproof.results.history import History
from flakeproof.results.summary import summarize
from flakeproof.store.folder import Store


def history_of(*outcomes: tuple[int, str], items: tuple[str, ...] = ("t.py::a",), fork: bool = False) -> History:
    """A run in which trials ended so, each with its process and `passed` or the item that failed."""
    history = History()
    for event in _events_of(_spec(len(outcomes), fork=fork), *outcomes, items=items):
        history.add(event)
    return history


def _spec(count: int, *, fork: bool = False) -> RunSpec:
    target = PytestTarget(name="t.py", python="p", folder="f", arguments=[])
    isolation = Isolation.FORK if fork else Isolation.SHARED
    return RunSpec(target=target, count=count, workers=1, processes=1, seed=1, isolation=isolation)


def _events_of(spec: RunSpec, *outcomes: tuple[int, str], items: tuple[str, ...] = ("t.py::a",)) -> list[AnyRecord]:
    events: list[AnyRecord] = [RunStarted(run_id="r", at="", version="", spec=spec), ItemsCollected(items=list(items))]
    for trial, (process, outcome) in enumerate(outcomes, 1):
        if outcome == "passed":
            events.append(TrialsPassed(process=process, count=1, durations=[]))
            continue
        failure = Failure(
            trial=trial,
            seed=1,
            outcome=Outcome.FAILED,
            message="m",
            item=outcome,
            signature="s",
            duration=0.1,
            process=process,
        )
        events.append(TrialFailed(number=trial, failure=failure, items={outcome: ItemOutcome.FAILED}))
    return [*events, RunEnded(elapsed=1.0, stopped=None)]


ONCE = [(0, "passed"), (1, "passed"), *[(place, "t.py::a") for place in (0, 1) for _ in range(9)]]


def test_what_fails_ever_after_is_told_with_its_counts() -> None:
    """Of 20 trials, two are the first of their process: 1 of 190 ways to choose two has both of them passing."""
    (found,) = repetition_in(history_of(*ONCE))
    assert (found.processes, found.later, found.later_failed, found.alone) == (2, 18, 18, True)
    assert found.p == pytest.approx(1 / 190)
    assert (
        "t.py::a passed the first time in each of 2 processes, and failed in 18 of 18 later ones (p = 0.0053): "
        "it cannot run twice in one process"
    ) in list(report.results(summarize(history_of(*ONCE), "f")))


def test_what_stays_is_told_as_it_was_found() -> None:
    """What was proven alone, else what was seen; or why nothing is known."""

    def rows(*state: Carrier, unknown: str = "") -> list[str]:
        history = history_of(*ONCE)
        if state or unknown:
            history.add(StateLookedFor(item="t.py::a", state=list(state), unknown=unknown))
        told = [row for row in report.results(summarize(history, "f")) if row.startswith("What stays")]
        return [row.removeprefix("What stays in the process: ") for row in told]

    seen = Carrier(kind="global", name="m.seen", before="[]", after="[1]", place="m.py:3")
    cached = Carrier(kind="library", name="x.cache", before="0", after="1", changed_at="m.py:9 (put)", decides=True)
    assert rows() == ["it was not looked for"]
    assert rows(unknown="it was not found within 3s") == ["it was not found within 3s"]
    assert rows(seen) == ["global m.seen: [] became [1], defined at m.py:3; that it decides was not shown"]
    assert rows(seen, cached) == [
        "library x.cache: 0 became 1, changed at m.py:9 (put); with that put back it passes again"
    ]


def test_it_is_looked_for_within_the_duration_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the clock: with what is left, without a duration as long as it takes, and not at all when it is over."""
    asked: list[float | None] = []
    now = [0.0]

    def look(spec: RunSpec, item: str, seconds: float | None) -> tuple[StateLookedFor, Stop | None]:
        asked.append(seconds)
        return StateLookedFor(item=item, state=[], unknown="it was tried"), None

    def execute(spec: RunSpec, run_id: str, folder: Path, sinks: list[Any], *rest: Any, **more: Any) -> None:
        for event in _events_of(spec, *ONCE):
            if isinstance(event, RunEnded):
                now[0] += 8
                for found in more["afterwards"](event)[0]:
                    sinks[0](found)
            sinks[0](event)

    monkeypatch.setattr(recorded_run, "execute", execute)
    monkeypatch.setattr(recorded_run, "monotonic_ns", lambda: int(now[0] * 1e9))
    unknown = []
    for duration in (None, 20.0, 8.5):
        spec = msgspec.structs.replace(_spec(len(ONCE)), duration=duration)
        summary = recorded_run.conduct(spec, Store(tmp_path), lambda _: [], print, 10, look=look)
        unknown += [one.state_unknown for one in summary.repetition]
    assert asked == [None, pytest.approx(12.0)]
    assert unknown == ["it was tried"] * 2 + ["it was not looked for, because the time of the run was over"]


def test_several_that_fail_in_every_later_pass_are_a_hint() -> None:
    """Four tests after two processes: 1 of 45 for each, which is too little for one of four, and still worth a word."""
    names = tuple(f"t.py::{letter}" for letter in "abcd")
    history = history_of((0, "passed"), (1, "passed"), items=names)
    assert history.spec is not None
    for trial in range(3, 11):
        one = Failure(
            trial=trial,
            seed=1,
            outcome=Outcome.FAILED,
            message="m",
            item=names[0],
            signature="s",
            duration=0.1,
            process=0,
        )
        every = dict.fromkeys(names, ItemOutcome.FAILED)
        history.add(TrialFailed(number=trial, failure=one, items=every))
    found = repetition_in(history)
    assert len(found) == 4
    assert found[0].p == pytest.approx(4 / 45)
    rows = list(report.results(summarize(history, "f")))
    assert any("failed in 8 of 8 later ones (p = 0.089): perhaps what an earlier pass" in row for row in rows)


def test_beside_other_tests_it_may_be_their_doing() -> None:
    """Then what an earlier pass has left behind is all that is known."""
    history = history_of(*ONCE, items=("t.py::a", "t.py::b"))
    (found,) = repetition_in(history)
    assert not found.alone
    assert any("what an earlier pass leaves behind" in row for row in report.results(summarize(history, "f")))


@pytest.mark.parametrize(
    "outcomes",
    [
        [(0, "t.py::a"), *ONCE[1:]],  # failed the first time in one of the processes
        ONCE[:5],  # too few to tell: 1 of 10
        [(place, "t.py::a" if trial % 2 else "passed") for trial in range(10) for place in (0, 1)],
    ],
)
def test_what_may_be_chance_is_not_told(outcomes: list[tuple[int, str]]) -> None:
    """Nor what fails in first trials, too."""
    assert repetition_in(history_of(*outcomes)) == []


def test_nothing_is_told_where_first_trials_are_not_known() -> None:
    """In forks there is no later trial, and a trial that was skipped is told without its process."""
    assert repetition_in(history_of(*ONCE, fork=True)) == []
    history = history_of(*ONCE)
    history.add(TrialSkipped(trial=99, reason=""))
    assert repetition_in(history) == []


def test_independent_trials_are_accused_as_rarely_as_it_says() -> None:
    """At most 5 of 100, by Fisher's exact test, which is conservative."""
    chance, accused = random.Random(1), 0
    for _ in range(400):
        rate = chance.random()
        outcomes = [(place, "t.py::a" if chance.random() < rate else "passed") for place in range(4) for _ in range(6)]
        accused += bool(repetition_in(history_of(*outcomes)))
    assert accused <= 0.05 * 400
