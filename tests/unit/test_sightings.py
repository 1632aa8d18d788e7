"""What sanitizers have seen, held against the failures of a run."""

import msgspec
import pytest
from scipy import stats  # type: ignore[import-untyped]

from flakeproof.events import AnyRecord, RunEnded, RunStarted, Sighted, TrialFailed, TrialLeaked, TrialsPassed
from flakeproof.features.run import markdown, report
from flakeproof.model import (
    CallableTarget,
    Failure,
    Outcome,
    RunSpec,
    Sanitize,
    SeenBySanitizer,
    SeenPart,
    Sight,
    SourceLocation,
)
from flakeproof.results.history import History
from flakeproof.results.summary import Summary, summarize

_PLACE = SourceLocation(file="/p/server.py", line=88, function="Server._guard")


def _seen(kind: str, passed: int, failed: int, *, examples: int = 1, what: str = "socket") -> SeenBySanitizer:
    part = SeenPart(role="closed", trial=3, item="", place=_PLACE, stack=[_PLACE])
    sight = Sight(text=f"descriptor 5 was {kind} | `x`", parts=[part])
    return SeenBySanitizer(
        key=f"{kind} {what}",
        sanitizer="descriptors",
        kind=kind,
        what=what,
        times=passed + failed,
        passed=passed,
        failed=failed,
        examples=[sight] * examples,
    )


def _summary(*events: AnyRecord, failures: int = 5, passes: int = 95) -> Summary:
    target = CallableTarget(name="m:f", python="python", folder="/", module="m", attribute="f")
    watched = Sanitize(names=["descriptors", "leaks"])
    spec = RunSpec(target=target, count=100, workers=1, processes=1, seed=7, sanitize=watched)
    history = History()
    history.add(RunStarted(run_id="20260102-030405-006abc", at="", version="", spec=spec))
    history.add(TrialsPassed(process=0, count=passes, durations=[(5, passes)]))
    for number in range(failures):
        failure = Failure(
            trial=number + 1, seed=1, outcome=Outcome.FAILED, message="no", signature="no", duration=0.1, process=0
        )
        history.add(TrialFailed(number=number + 1, failure=failure))
    for event in (*events, RunEnded(elapsed=1.0, stopped=None)):
        history.add(event)
    return summarize(history, "/p/.flakeproof/runs/20260102-030405-006abc")


def test_counts_of_processes_are_added_up() -> None:
    """And a few examples are kept."""
    first, second = (Sighted(process=number, seen=[_seen("closed twice", 2, 1, examples=2)]) for number in (0, 1))

    (found,) = _summary(first, second).sightings
    assert (found.times, found.in_passes, found.in_failures, len(found.examples)) == (6, 4, 2, 3)
    assert found.place == _PLACE


def test_what_goes_with_failures() -> None:
    """By Fisher's test with Holm's correction for all that was seen."""
    seen = [_seen("closed twice", 95, 5), _seen("thread left running", 1, 5)]
    found = {one.kind: one for one in _summary(Sighted(process=0, seen=seen)).sightings}

    expected = 2 * stats.fisher_exact([[5, 0], [1, 94]], alternative="greater").pvalue
    assert found["thread left running"].p == pytest.approx(expected, rel=1e-9)
    assert found["thread left running"].goes_with_failures
    assert found["closed twice"].p == 1.0
    assert not found["closed twice"].goes_with_failures


def test_without_failures_nothing_goes_with_them() -> None:
    """Though it is told."""
    (found,) = _summary(Sighted(process=0, seen=[_seen("closed twice", 5, 0)]), failures=0, passes=100).sightings

    assert (found.p, found.goes_with_failures) == (None, False)


def test_the_worst_comes_first() -> None:
    """What goes with failures, then what is wrong in itself, then what was left behind, then what is untidy."""
    kinds = [
        "left to its finaliser",
        "thread outlived its test",
        "thread left running",
        "closed twice",
        "closed a descriptor that belongs to somebody else",
    ]
    seen = [_seen(kind, 9, 0) for kind in kinds]
    seen.append(_seen("task outlived its test", 0, 5))
    found = [one.kind for one in _summary(Sighted(process=0, seen=seen)).sightings]

    assert found == ["task outlived its test", *reversed(kinds)]


def test_a_trial_that_leaks_has_passed() -> None:
    """It counts for the rate, and is told apart."""
    leaked = [TrialLeaked(trial=50 + number, process=0, reason="thread x", duration=0.1) for number in range(5)]
    summary = _summary(*leaked, failures=0)

    assert (summary.passed, summary.outcomes) == (100, {"passed": 95, "leaked": 5})
    assert "Leaked: 5 (5.00%, which passed and left something behind)" in list(report.results(summary))
    assert report.closing(summary) == "100 tests passed, 5 of them left something behind"


def test_markdown_lists_it() -> None:
    """With its line, in which share of failures it was, and an example that means nothing to Markdown."""
    text = markdown.render(_summary(Sighted(process=0, seen=[_seen("closed twice", 1, 5)]))).decode()

    assert (
        "- 6 × closed twice (socket) at `/p/server.py:88 in Server._guard`, in 5 of 5 failures (100.00%), 1 of 95"
        in text
    )
    assert "  - <code>descriptor 5 was closed twice &#124; &#96;x&#96;</code>" in text


def test_it_survives_the_log() -> None:
    """Every record that carries it."""
    for event in (
        Sighted(process=1, seen=[_seen("closed twice", 1, 5)]),
        TrialLeaked(trial=5, process=0, reason="thread x", duration=0.1),
    ):
        assert msgspec.json.decode(msgspec.json.encode(event), type=AnyRecord) == event
