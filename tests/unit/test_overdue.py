"""A trial that hangs is mentioned while it runs, once, and only when it is far beyond the usual."""

from flakeproof.engine.usual_duration import Overdue, TimeLimit, UsualDuration
from flakeproof_worker.shared.durations import sketch

SECOND = 1_000_000_000


def overdue_after(durations: list[int], timeout: float | None = None) -> Overdue:
    """After trials that took so many nanoseconds each have passed."""
    usual = UsualDuration()
    usual.passed(sketch(durations).items())
    return Overdue(usual, TimeLimit(timeout, usual, adapts=False))


def test_far_beyond_the_usual() -> None:
    """Twenty times the median is overdue, told once, with the test that it has come to."""
    overdue = overdue_after([SECOND // 2] * 10, timeout=60.0)
    assert list(overdue.look({7: 0}, 9 * SECOND)) == []
    (line,) = overdue.look({7: 0}, 11 * SECOND, "test_it.py::test_it")
    assert line == "test 7 (in test_it.py::test_it) has been running for 11s; tests usually take 496ms, time limit 1m0s"
    assert list(overdue.look({7: 0}, 12 * SECOND)) == []


def test_short_trials_may_take_seconds() -> None:
    """A microsecond is no measure: nothing below five seconds is worth a line."""
    overdue = overdue_after([1000] * 10)
    assert list(overdue.look({7: 0}, 4 * SECOND)) == []
    assert "no time limit" in next(iter(overdue.look({7: 0}, 6 * SECOND)))


def test_nothing_to_compare_with() -> None:
    """As long as nothing has passed, half a minute is the measure."""
    overdue = overdue_after([])
    assert list(overdue.look({7: 0}, 29 * SECOND)) == []
    assert "no test has passed yet" in next(iter(overdue.look({7: 0}, 31 * SECOND)))


def test_not_a_line_for_each_of_a_thousand() -> None:
    """When everything hangs, a few lines say so."""
    overdue = overdue_after([])
    assert len(list(overdue.look(dict.fromkeys(range(1, 1000), 0), 60 * SECOND))) == 10
