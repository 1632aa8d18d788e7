"""A trial that hangs is mentioned while it runs, once, and only when it is far beyond the usual."""

from flakeproof.engine.slow_trials import Overdue
from flakeproof_worker.shared.durations import sketch

SECOND = 1_000_000_000


def test_far_beyond_the_usual() -> None:
    """Twenty times the median is overdue, told once, with the test that it has come to."""
    overdue = Overdue(timeout=60.0)
    overdue.ended(sketch([SECOND // 2] * 10).items())
    assert list(overdue.look({7: 0}, 9 * SECOND)) == []
    (line,) = overdue.look({7: 0}, 11 * SECOND, "test_it.py::test_it")
    assert line == "test 7 (in test_it.py::test_it) has been running for 11s; usual are 496ms, time limit 1m0s"
    assert list(overdue.look({7: 0}, 12 * SECOND)) == []


def test_short_trials_may_take_seconds() -> None:
    """A microsecond is no measure: nothing below five seconds is worth a line."""
    overdue = Overdue(timeout=None)
    overdue.ended(sketch([1000] * 10).items())
    assert list(overdue.look({7: 0}, 4 * SECOND)) == []
    assert "no time limit" in next(iter(overdue.look({7: 0}, 6 * SECOND)))


def test_nothing_to_compare_with() -> None:
    """As long as nothing has passed, half a minute is the measure."""
    overdue = Overdue(timeout=None)
    assert list(overdue.look({7: 0}, 29 * SECOND)) == []
    assert "none has passed yet" in next(iter(overdue.look({7: 0}, 31 * SECOND)))


def test_not_a_line_for_each_of_a_thousand() -> None:
    """When everything hangs, a few lines say so."""
    overdue = Overdue(timeout=None)
    assert len(list(overdue.look(dict.fromkeys(range(1, 1000), 0), 60 * SECOND))) == 10
