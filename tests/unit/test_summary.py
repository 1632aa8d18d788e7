"""Records survive JSON, and a summary says what the events said."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flakeproof.events import (
    AnyEvent,
    AnyRecord,
    Noted,
    Progressed,
    RunEnded,
    RunStarted,
    TrialFailed,
    TrialLost,
    TrialsCounted,
    TrialSkipped,
    TrialsPassed,
)
from flakeproof.features.run.plan import Plan, plan
from flakeproof.model import CallableTarget, Failure, Isolation, Outcome, RunSpec
from flakeproof.reports.files import to_json
from flakeproof.results.history import History
from flakeproof.results.summary import Summary, summarize

words = st.text(st.characters(codec="utf-8"), max_size=20)
whole = st.integers(0, 2**53)
times = st.floats(0, 1e9)
targets = st.builds(
    CallableTarget,
    name=words,
    module=words,
    attribute=words,
    arguments=st.dictionaries(words, words | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()),
    scenario=st.none() | words,
    loop=st.none() | words,
    python=words,
    folder=words,
)
specs = st.builds(
    RunSpec,
    target=targets,
    preset=st.none() | words,
    count=st.none() | st.integers(1, 10**12),
    first=st.integers(1, 10**12),
    duration=st.none() | times,
    workers=st.integers(1, 10**4),
    processes=st.integers(1, 10**3),
    first_process=st.integers(0, 10**6),
    isolation=st.sampled_from(Isolation),
    timeout=st.none() | times,
    max_failures=st.none() | whole,
    seed=st.integers(0, 2**63 - 1),
    ci_rate=st.none() | st.floats(0, 1),
)
failures = st.builds(
    Failure,
    trial=whole,
    seed=whole,
    outcome=st.sampled_from([Outcome.FAILED, Outcome.TIMED_OUT, Outcome.CRASHED]),
    message=words,
    signature=st.sampled_from(["a", "b", "c"]),
    duration=times,
    process=whole,
    details=st.dictionaries(words, words | st.integers(0, 10) | st.none()),
    output=words,
)
counted = st.lists(
    st.one_of(
        st.builds(TrialsPassed, process=whole, count=st.integers(0, 999), durations=st.just([])),
        st.builds(TrialFailed, number=whole, failure=failures),
        st.builds(TrialSkipped, trial=whole, reason=words),
        st.builds(TrialLost, trial=whole, reason=words),
    ),
    max_size=20,
)
events = st.one_of(
    st.builds(RunStarted, run_id=words, at=words, version=words, spec=specs),
    st.builds(TrialsPassed, process=whole, count=whole, durations=st.lists(st.tuples(whole, whole), max_size=3)),
    st.builds(TrialFailed, number=whole, failure=failures),
    st.builds(TrialSkipped, trial=whole, reason=words),
    st.builds(TrialLost, trial=whole, reason=words),
    st.builds(
        Progressed,
        completed=whole,
        failed=whole,
        planned=st.none() | whole,
        elapsed=times,
        planned_duration=st.none() | times,
    ),
    st.builds(Noted, message=words),
    st.builds(RunEnded, elapsed=times, stopped=st.none() | words),
    st.builds(TrialsCounted, outcome=st.sampled_from(Outcome), signature=words, count=whole),
)


@given(events)
def test_events_survive_json(event: AnyRecord) -> None:
    """What is in the log is what was said."""
    assert event == msgspec.json.decode(msgspec.json.encode(event), type=AnyRecord)


@given(specs)
def test_specs_survive_json(spec: RunSpec) -> None:
    """A replay starts from the very settings of the run."""
    assert spec == msgspec.json.decode(msgspec.json.encode(spec), type=RunSpec)


@given(specs, counted, st.none() | st.sampled_from(["interrupted", "the time given is over"]))
def test_a_summary_adds_up_and_survives_json(spec: RunSpec, seen: list[AnyEvent], stopped: str | None) -> None:
    """Each trial is counted once, the rate lies in its interval, and the document reads back as it was."""
    history = History()
    for event in [RunStarted(run_id="r", at="", version="", spec=spec), *seen, RunEnded(elapsed=1.0, stopped=stopped)]:
        history.add(event)

    summary = summarize(history, "folder")

    assert summary.total == sum(event.count if isinstance(event, TrialsPassed) else 1 for event in seen)
    assert summary.total == sum(summary.outcomes.values())
    assert summary.failed == sum(group.count for group in summary.signatures)
    assert summary == msgspec.json.decode(to_json(summary), type=Summary)
    if summary.interval is not None and summary.rate is not None:
        assert 0 <= summary.interval.low <= summary.rate <= summary.interval.high <= 1
    assert (summary.interval is None) == (summary.rate is None) == (summary.passed + summary.failed == 0)


@pytest.mark.parametrize(
    ("arguments", "count", "detection"),
    [
        ({"rate": 0.02}, 456, 0.9999002091973579),
        ({"rate": 0.02, "count": 100}, 100, 0.867380444105),
        ({"rate": 0.05, "confidence": 0.99}, 90, None),
        ({"rate": 0.001, "confidence": 0.999999}, 13809, None),
        ({"seen": (3, 200), "count": 500}, 500, 0.9877275286),
        ({"seen": (0, 200)}, None, None),
    ],
)
def test_plans(arguments: dict[str, object], count: int | None, detection: float | None) -> None:
    """The values of the theory, and a document that reads back."""
    found = plan(**arguments)  # type: ignore[arg-type]

    assert count == found.count
    if detection is not None:
        assert detection == pytest.approx(found.detection, abs=1e-9)
    assert found == msgspec.json.decode(msgspec.json.encode(found), type=Plan)


@pytest.mark.parametrize(
    "arguments", [{}, {"rate": 0.0}, {"rate": 1.0}, {"rate": 2.0}, {"rate": 0.1, "seen": (1, 2)}, {"seen": (3, 2)}]
)
def test_a_plan_without_sense_is_refused(arguments: dict[str, object]) -> None:
    """With a ValueError that names the value."""
    with pytest.raises(ValueError, match=r"rate|failures"):
        plan(**arguments)  # type: ignore[arg-type]
