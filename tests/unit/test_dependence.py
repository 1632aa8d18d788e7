"""Whether the trials of a run were independent: what is tested, what is not, and what follows."""

import random
from pathlib import Path

import msgspec
import pytest

from flakeproof.events import (
    AnyEvent,
    AnyRecord,
    RunEnded,
    RunStarted,
    TrialFailed,
    TrialsCounted,
    TrialSkipped,
    TrialsPassed,
)
from flakeproof.features.run import markdown, report, report_findings
from flakeproof.features.run.junit import render
from flakeproof.model import PROCESSES_PER_SHARD, Answer, CallableTarget, Failure, Isolation, Outcome, Question, RunSpec
from flakeproof.results import failure_positions
from flakeproof.results.dependence import Aspect, Dependence, examine
from flakeproof.results.failure_positions import Places
from flakeproof.results.history import History
from flakeproof.results.summary import Summary, summarize
from flakeproof.stats.intervals import clopper_pearson, robbins
from flakeproof.store.log import LogWriter, read_events

_TARGET = CallableTarget(name="t", module="m", attribute="a", python="p", folder="f")
SPREAD = [30, 75, 130, 180, 225, 260, 310, 340, 365, 390]
"""Places of ten failures in 400 trials, which are nothing special."""
ONE_MACHINE = {*Aspect} - {Aspect.MACHINE}
"""What is tested of a run that was not merged."""
CLUSTERED = [0, 0, 1, 0, 7, 0, 2, 0]
"""How many of them are in each of eight processes."""
EVEN = [1, 1, 1, 1, 2, 1, 2, 1]


def spec_of(count: int | None = 400, **changes: object) -> RunSpec:
    """A run of `count` trials."""
    spec = RunSpec(target=_TARGET, count=count, workers=8, processes=8, seed=1)
    return msgspec.structs.replace(spec, **changes)


def failure(trial: int, process: int, **changes: object) -> Failure:
    """That of one trial."""
    values: dict[str, object] = {"outcome": Outcome.FAILED, "signature": "s", **changes}
    return Failure(trial=trial, seed=1, message="no", duration=0.1, process=process, **values)  # type: ignore[arg-type]


def events_of(by_process: list[int], numbers: list[int], size: int = 50, **changes: object) -> list[AnyEvent]:
    """Of processes with `size` trials each; those that fail have these numbers, shuffled."""
    which = [process for process, count in enumerate(by_process) for _ in range(count)]
    random.Random(5).shuffle(which)
    events: list[AnyEvent] = [
        TrialsPassed(process=process, count=size - count, durations=[]) for process, count in enumerate(by_process)
    ]
    for number, (trial, process) in enumerate(zip(numbers, which, strict=True), 1):
        events.append(TrialFailed(number=number, failure=failure(trial, process, **changes)))
    return events


def history_of(
    *events: AnyRecord, spec: RunSpec | None = None, stopped: str | None = None, elapsed: float = 10.0
) -> History:
    """Of a run with these events."""
    history = History()
    started = RunStarted(run_id="r", at="", version="", spec=spec or spec_of())
    for event in (started, *events, RunEnded(elapsed=elapsed, stopped=stopped)):
        history.add(event)
    return history


def p_values(found: Dependence | None) -> dict[Aspect, float]:
    """p-values."""
    assert found is not None
    return {test.tested: test.p for test in found.tests}


def shown(summary: Summary) -> list[str]:
    """The results block."""
    return list(report.results(summary))


def test_failures_that_cluster_in_a_process() -> None:
    """The process is named, and the trials are worth fewer."""
    summary = summarize(history_of(*events_of(CLUSTERED, SPREAD)), "folder")

    found = summary.dependence
    assert found is not None
    assert found.process is not None
    assert found.dependent
    assert p_values(found)[Aspect.PROCESS] == pytest.approx(9.43741079e-5, rel=1e-8)
    assert (found.process.process, found.process.failed, found.process.others_failed) == (4, 7, 3)
    assert found.effective == pytest.approx(83.22891566)
    assert (found.bursts, found.change) == (None, None)
    assert summary.interval is not None
    assert summary.anytime is not None
    wider, watched = clopper_pearson(10 * 83.22891566 / 400, 83.22891566), robbins(10 * 83.22891566 / 400, 83.22891566)
    assert (summary.interval.low, summary.interval.high) == pytest.approx((wider.low, wider.high))
    assert summary.interval.method == "approximate, korn-graubard"
    assert (summary.anytime.low, summary.anytime.high) == pytest.approx((watched.low, watched.high))
    assert shown(summary)[6:9] == [
        "Failure rate: 2.50% (approximate 95% interval 0.32% to 8.56%)",
        "Failures cluster in process 4: effective sample 83 of 400; "
        "7 of its 50 tests failed, 3 of the other 350 (p = 0.00038)",
        "Try --isolation fork, which gives each test a process of its own, "
        "or --processes 32: more processes tell more, more tests do not",
    ]
    assert "- Failures cluster in process 4: effective sample 83 of 400; " in markdown.render(summary).decode()
    assert 'name="flakeproof.trials.effective" value="83.2' in render(summary).decode()


@pytest.mark.parametrize("isolation", [Isolation.FORK, Isolation.FRESH])
def test_what_is_outside_of_a_process(isolation: Isolation) -> None:
    """Where trials share none, another one is not the remedy."""
    events = events_of(CLUSTERED, SPREAD)
    rows = shown(summarize(history_of(*events, spec=spec_of(isolation=isolation)), "folder"))

    remedy = next(row for row in rows if row.startswith("Each test"))
    if isolation is Isolation.FORK:
        assert remedy.startswith("Each test is a fork of one of 8 processes: it is what a process fixes once (hash ")
        assert remedy.endswith("--isolation fresh gives each test a process that is new")
    else:
        assert remedy.startswith("Each test has a process of its own already: it is something outside of it, such as ")


def test_nothing_is_said_of_independent_trials() -> None:
    """All four tests are made, and the exact interval stands."""
    summary = summarize(history_of(*events_of(EVEN, SPREAD)), "folder")

    assert set(p_values(summary.dependence)) == ONE_MACHINE
    assert summary.dependence is not None
    assert (summary.dependence.dependent, summary.dependence.effective) == (False, 400.0)
    assert summary.interval is not None
    assert summary.interval.method == "clopper-pearson"
    rows = shown(summary)
    assert rows[6:8] == ["Failure rate: 2.50% (95% interval 1.20% to 4.55%)", ""]
    assert not [row for row in rows if "effective" in row or "Try " in row]


def test_bursts() -> None:
    """Failures that follow each other."""
    numbers = [*range(100, 105), *range(300, 305)]
    summary = summarize(history_of(*events_of(EVEN, numbers)), "folder")

    assert summary.dependence is not None
    assert summary.dependence.bursts is not None
    assert (summary.dependence.bursts.after_failed, summary.dependence.bursts.failed_after_failed) == (10, 8)
    assert summary.dependence.effective < 100
    (row,) = (row for row in shown(summary) if "bursts" in row)
    assert row.startswith("Failures come in bursts: effective sample ")
    assert "after a failed test 80.00% fail, after a passed one 0.51% (p < 10^-12)" in row


def test_a_change_of_the_rate() -> None:
    """Where it was, and by how much."""
    numbers = [301, 310, 322, 329, 341, 350, 362, 371, 383, 392]
    summary = summarize(history_of(*events_of(EVEN, numbers)), "folder")

    (row,) = (row for row in shown(summary) if "changed" in row)
    assert "0.00% of the first 300 tests failed, 10.00% of the 100 after (p = 0.0040)" in row


def test_what_may_have_ended_its_process_tells_nothing_of_processes() -> None:
    """Each process has one such failure, and so few trials as it happened to have until then."""
    events: list[AnyEvent] = []
    for process, size in enumerate((3, 90, 20, 150, 5, 60, 30, 34)):
        events.append(TrialsPassed(process=process, count=size, durations=[]))
        dead = failure(SPREAD[process], process, outcome=Outcome.CRASHED)
        events.append(TrialFailed(number=process + 1, failure=dead))

    shared = examine(history_of(*events, spec=spec_of(400)))
    forked = examine(history_of(*events, spec=spec_of(400, isolation=Isolation.FORK)))
    assert Aspect.PROCESS not in p_values(shared)
    assert Aspect.PROCESS in p_values(forked)


@pytest.mark.parametrize(
    ("history", "names"),
    [
        (history_of(*events_of([1, 1], [3, 40])), None),
        (history_of(*events_of([10], SPREAD, 10)), None),
        (history_of(*events_of([10], SPREAD, 400)), {Aspect.RUNS, Aspect.NEIGHBOURS, Aspect.DRIFT}),
        (history_of(*events_of(EVEN, SPREAD), TrialSkipped(trial=9, reason="")), {Aspect.PROCESS}),
        (history_of(*events_of(EVEN, [*SPREAD[:9], 500])), {Aspect.PROCESS}),
        (history_of(*events_of(EVEN, SPREAD), stopped="interrupted"), ONE_MACHINE),
        (history_of(*events_of(EVEN, SPREAD), stopped="interrupted", elapsed=1.0), {Aspect.PROCESS}),
        (history_of(*events_of(EVEN, SPREAD), stopped="x", spec=spec_of(workers=50)), {Aspect.PROCESS}),
        (history_of(*events_of(EVEN, SPREAD), spec=spec_of(max_failures=50)), ONE_MACHINE - {Aspect.DRIFT}),
        (
            history_of(*events_of(EVEN, SPREAD), spec=spec_of(question=Question(rate=0.1, error=0.1))),
            ONE_MACHINE - {Aspect.DRIFT},
        ),
        (history_of(*events_of(EVEN, SPREAD), spec=spec_of(drop_failed=True)), None),
        (history_of(*events_of(EVEN, SPREAD), TrialsCounted(outcome=Outcome.FAILED, signature="", count=1)), None),
        (
            history_of(*events_of(EVEN, SPREAD), TrialsCounted(outcome=Outcome.SKIPPED, signature="", count=1)),
            {Aspect.PROCESS},
        ),
    ],
)
def test_what_cannot_be_told_is_not_tested(history: History, names: set[Aspect] | None) -> None:
    """Nothing is said then, rather than something wrong."""
    found = examine(history)
    assert (set(p_values(found)) if found is not None else None) == names


def test_an_early_end_leaves_the_last_trials_out() -> None:
    """What was given to processes last may not all have been started."""
    numbers = [*SPREAD[:5], *range(380, 385)]
    found = examine(history_of(*events_of(EVEN, numbers), stopped="interrupted"))
    assert found is not None
    assert found.bursts is None
    assert examine(history_of(*events_of(EVEN, numbers))).bursts is not None  # type: ignore[union-attr]


@pytest.mark.parametrize("by_process", [CLUSTERED, EVEN])
def test_a_log_tells_what_was_seen_live(by_process: list[int], tmp_path: Path) -> None:
    """Though it merges batches."""
    live = History()
    write = LogWriter(tmp_path, lambda message: None)
    started = RunStarted(run_id="r", at="", version="", spec=spec_of())
    for event in (started, *events_of(by_process, SPREAD), RunEnded(elapsed=10.0, stopped=None)):
        live.add(event)
        write(event)
    write.close()
    logged = History()
    for record in read_events(tmp_path):
        logged.add(record)

    assert logged.places == live.places
    assert summarize(logged, "folder") == summarize(live, "folder")


def test_places_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lowest numbers are kept, whatever their order, and the first processes with all of theirs."""
    monkeypatch.setattr(failure_positions, "FAILURES_KEPT", 5)
    monkeypatch.setattr(failure_positions, "PROCESSES_KEPT", 2)
    numbers = list(range(10, 110, 10))
    for seed in range(5):
        random.Random(seed).shuffle(numbers)
        kept = Places()
        for number in numbers:
            kept.failed(failure(number, number // 10))
            kept.passed(number // 10, 7)
        assert (kept.numbers, kept.horizon) == ([10, 20, 30, 40, 50], 49)
        assert sorted(kept.processes) == sorted(number // 10 for number in numbers[:2])
        assert {tally.passed for tally in kept.processes.values()} == {7}
    assert Places().horizon is None


def test_too_many_failures_to_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order is tested as far as all of them are known."""
    monkeypatch.setattr(failure_positions, "FAILURES_KEPT", 8)
    found = examine(history_of(*events_of([10], [*SPREAD[:7], 340, 341, 342], 400)))
    assert found is not None
    assert not found.dependent
    assert found.trials == 400


@pytest.mark.parametrize(
    ("counts", "row"),
    [
        (
            [25, 9, 3, 1, 1, 1],
            "About 7.5% of the failures to come would be of a kind not seen yet "
            "(Good-Turing; at least 9 kinds in all, Chao1)",
        ),
        ([1, 1, 1, 1], None),
        ([3, 2], None),
        (
            [1, 1, 1, 1, 1],
            "About 100.0% of the failures to come would be of a kind not seen yet "
            "(Good-Turing; at least 15 kinds in all, Chao1)",
        ),
        ([1] * 300, None),
    ],
)
def test_kinds_that_have_not_been_seen(counts: list[int], row: str | None) -> None:
    """Told where five failures or more are known, and all their kinds."""
    kinds = [kind for kind, count in enumerate(counts) for _ in range(count)]
    failed = [
        TrialFailed(number=number, failure=failure(10 * number, 0, signature=str(kind)))
        for number, kind in enumerate(kinds, 1)
    ]
    passed = TrialsPassed(process=0, count=10_000 - len(failed), durations=[])
    summary = summarize(history_of(passed, *failed, spec=spec_of(10_000)), "folder")

    assert [line for line in shown(summary) if line.startswith("About ")] == ([row] if row else [])
    assert (f"\n{row}.\n" in markdown.render(summary).decode()) is (row is not None)


@pytest.mark.parametrize(
    ("by_process", "rate", "answer", "taken_back"),
    [
        (CLUSTERED, 0.004, Answer.UNDECIDED, True),
        (EVEN, 0.004, Answer.ABOVE, False),
        ([0, 0, 40, 0, 30, 0, 35, 0], 0.0001, Answer.ABOVE, False),
        (CLUSTERED, 0.025, Answer.UNDECIDED, False),
    ],
    ids=["taken back", "independent", "stands all the same", "never answered"],
)
def test_an_answer_that_clustered_trials_do_not_bear_is_taken_back(
    by_process: list[int], rate: float, answer: Answer, taken_back: bool
) -> None:
    """A gate says "not decided" then, with its exit code, unless fewer trials would have said the same."""
    question = Question(rate=rate, error=0.05, tolerates=True)
    numbers = SPREAD if sum(by_process) == len(SPREAD) else list(range(2, 2 + 3 * sum(by_process), 3))
    summary = summarize(history_of(*events_of(by_process, numbers), spec=spec_of(question=question)), "/f")
    assert summary.finding is not None
    assert (summary.finding.answer, summary.finding.taken_back) == (answer, taken_back)
    assert summary.exit_code == (1 if answer is Answer.ABOVE else 4)
    assert ("the tests depend on each other, and the evidence" in report.closing(summary)) is taken_back


def test_each_kind_of_failure_has_a_rate_of_its_own() -> None:
    """With an interval, and in the results where there are several kinds."""
    events = [*events_of(EVEN, SPREAD), TrialFailed(number=11, failure=failure(395, 3, signature="t"))]
    summary = summarize(history_of(*events), "/f")
    first, second = summary.signatures
    assert (first.count, first.rate, second.rate) == (10, 10 / 401, 1 / 401)
    assert second.interval is not None
    assert second.interval.low < 1 / 401 < second.interval.high
    assert sum("95% interval" in row and row.startswith("      ") for row in shown(summary)) == 2


def test_a_machine_is_a_cluster() -> None:
    """In a merged run: the part whose machine is to blame is named, and the interval is wider for it."""
    run = spec_of(machines=["quiet", "bad", "quiet", "quiet"])
    history = History()
    history.add(RunStarted(run_id="r", at="", version="", spec=run))
    number = 0
    for part, failed in enumerate([1, 17, 0, 1]):
        first = part * PROCESSES_PER_SHARD
        for process in (first, first + 1):
            history.add(TrialsPassed(process=process, count=50 - failed // 2, durations=[]))
        for index in range(failed):
            number += 1
            history.add(TrialFailed(number=number, failure=failure(number, first + index % 2)))
    found = examine(history)
    assert found is not None
    assert found.machine is not None
    assert (found.machine.part, found.machine.machine, found.machine.failed) == (2, "bad", 17)
    assert found.effective < found.trials
    assert "on the machine of part 2 (bad)" in "".join(report_findings.dependence(summarize(history, "f")))
