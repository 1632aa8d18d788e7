"""The words in which a diagnosis is told."""

import pytest

from flakeproof.features.diagnose.records import Cause, CauseId, Diagnosis, Experiment, Status
from flakeproof.features.diagnose.report import results
from flakeproof.results.summary import anytime_interval, exact_interval
from flakeproof.results.verdict import Verdict


def experiment(name: str, failed: int, trials: int) -> Experiment:
    """Trials under a setting called like it."""
    return Experiment(
        name=name,
        setting=f"{name}, one at a time",
        failed=failed,
        other=0,
        trials=trials,
        rate=failed / trials,
        interval=exact_interval(failed, trials, 0.95),
        elapsed=1.0,
    )


def cause(name: CauseId, status: Status, *evidence: str) -> Cause:
    """With a next command."""
    return Cause(
        cause=name, status=status, statement=f"it is {name.value}", evidence=evidence, next=f"see {name.value}"
    )


def diagnosis(*causes: Cause, failed: int = 0) -> Diagnosis:
    """Of a test that failed so often alone, in 39 trials."""
    return Diagnosis(
        target="t.py::test",
        seed=1,
        verdict=Verdict.FLAKY,
        exit_code=1,
        rate=failed / 39,
        interval=anytime_interval(failed, 39, 0.95),
        failure="AssertionError",
        signature="s",
        place=None,
        others=[],
        causes=list(causes),
        experiments=[experiment("alone", failed, 39), experiment("company", 8, 8)],
        notes=[],
        stopped=None,
        elapsed=10.0,
    )


FOUND = (
    cause(CauseId.ORDER_POLLUTER, Status.SUPPORTED, "company: 8 of 8 failed"),
    cause(CauseId.LEAKED_WORK, Status.UNKNOWN, "something"),
    cause(CauseId.LEAKED_RESOURCE, Status.UNKNOWN, "something else"),
    cause(CauseId.CLOCK, Status.REFUTED, "no difference"),
    cause(CauseId.LOAD, Status.UNKNOWN),
)


def test_the_answer_comes_first_then_the_runner_up() -> None:
    """Cause, evidence, next command; the long list is for those who ask."""
    rows = list(results(diagnosis(*FOUND)))
    assert rows[1:4] == [
        "Cause, supported: order-polluter: it is order-polluter",
        "  - company: 8 of 8 failed",
        "  next: see order-polluter",
    ]
    assert "leaked-work (unknown): it is leaked-work" in rows
    assert not [row for row in rows if row.startswith(("leaked-resource", "Ruled out", "Not decided"))]
    assert rows[-1] == "10.0s; further causes: 1 less likely, 1 ruled out, 1 not decided (--verbose)"

    verbose = list(results(diagnosis(*FOUND), verbose=True))
    assert "leaked-resource (unknown): it is leaked-resource" in verbose
    assert "  clock: it is clock (no difference)" in verbose
    assert "Not decided: load" in verbose


@pytest.mark.parametrize(
    ("causes", "failed", "shown"),
    [
        (FOUND, 0, []),  # it fails in company: that it never does alone is no headline
        (FOUND, 3, ["Failure rate, alone, one at a time: 3 of 39 failed (7.69%, 1.61% to 20.88%)"]),
        ((), 0, ["Failure rate, alone, one at a time: 0 of 39 failed (at most 7.40%)"]),
    ],
)
def test_a_rate_says_under_which_setting(causes: tuple[Cause, ...], failed: int, shown: list[str]) -> None:
    """And is left out where it would contradict the answer at first sight."""
    rows = list(results(diagnosis(*causes, failed=failed)))
    assert [row for row in rows if row.startswith("Failure rate")] == shown
