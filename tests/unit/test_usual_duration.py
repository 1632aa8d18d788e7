"""The limit of a trial follows from what is usual where nobody has set one, and says so when it strikes."""

from flakeproof.engine.usual_duration import TimeLimit, UsualDuration
from flakeproof_worker.shared.durations import sketch

SECOND = 1_000_000_000


def limit_after(*seconds: float, adapts: bool = True, first: float | None = 300.0) -> TimeLimit:
    """A limit after trials that took so long."""
    usual = UsualDuration()
    usual.passed(sketch(int(second * SECOND) for second in seconds).items())
    return TimeLimit(first, usual, adapts=adapts)


def test_twenty_times_what_is_usual() -> None:
    """The median decides, and the words name it."""
    limit = limit_after(*[1.7] * 5)
    assert limit.seconds is not None
    assert 33 < limit.seconds < 35
    assert limit.words(34.2) == "ran over 33s: 20 times the 1.7s that it usually takes; --timeout changes that"


def test_never_less_than_ten_seconds() -> None:
    """What takes a millisecond may be held up for long by a busy machine."""
    limit = limit_after(*[0.001] * 50)
    assert limit.seconds == 10.0
    assert limit.words(10.1).startswith("ran over 10s: the least that a test may take, and it usually takes 1")


def test_what_took_long_and_passed_may_do_so_again() -> None:
    """Durations with a second peak: an ordinary slow one is no hang."""
    limit = limit_after(*[0.01] * 99, 30.0)
    assert limit.seconds is not None
    assert limit.seconds > 115
    assert "4 times the 30" in limit.words(120)


def test_before_anything_is_usual_there_is_a_generous_limit() -> None:
    """Four trials make no habit."""
    limit = limit_after(*[0.01] * 4)
    assert limit.seconds == 300.0
    assert limit.words(300.1) == "timed out after 300s"


def test_what_was_asked_for_stays() -> None:
    """A limit of the user's does not adapt, and none is none."""
    assert limit_after(*[0.01] * 50, adapts=False, first=0.5).seconds == 0.5
    assert limit_after(*[0.01] * 50, adapts=False, first=None).seconds is None
