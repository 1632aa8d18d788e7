"""The search for a line, on simulated targets."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from flakeproof.line_search.strategy import LONGER_WAIT, PAUSE_WHERE_MET, PAUSES, LinePause, Probed, TracedLine, search

PLACES = [TracedLine("m.py", 10 * number, f"f{number // 5}", 1.0 + number % 3, 1 + number % 2) for number in range(30)]
Rate = Callable[[set[TracedLine], float], tuple[float, str]]


class Simulated:
    """Trials that fail at the rate which `rate` gives for the places at which they are paused, and for how long."""

    def __init__(self, seed: int, rate: Rate, seconds: float = 60.0) -> None:
        self._random = random.Random(seed)
        self._rate = rate
        self.seconds_left = seconds
        self.trials = 0

    def seconds_for(self, count: int, each: float) -> float:
        """Two at once, 1 ms each."""
        return 0.001 + each if count == 1 else 0.1 + count * (0.001 + each) / 2

    def __call__(self, pauses: Sequence[LinePause], count: int) -> list[Probed]:
        self.trials += count
        each = sum(pause.share * pause.place.hits * pause.probability * pause.seconds for pause in pauses)
        self.seconds_left -= self.seconds_for(count, each)
        return [self._trial(pauses) for _ in range(count)]

    def _trial(self, pauses: Sequence[LinePause]) -> Probed:
        active = [self._random.random() < pause.share for pause in pauses]
        places = {pause.place for pause, part in zip(pauses, active, strict=True) if part}
        rate, signature = self._rate(places, pauses[0].seconds if pauses else 0.0)
        return Probed(active, {signature} if self._random.random() < rate else ())


@pytest.mark.parametrize(("shortest", "without", "with_it"), [(0.0, 0.01, 0.9), (0.01, 0.0, 0.8), (0.0, 0.1, 0.9)])
def test_the_line_is_found(shortest: float, without: float, with_it: float) -> None:
    """In each of 30 searches, and no other; with the shortest pause that works, but for one that chance was against."""
    guilty = PLACES[12]

    def rate(places: set[TracedLine], seconds: float) -> tuple[float, str]:
        return (with_it if guilty in places and seconds > shortest else without), "the flake"

    pauses = []
    for seed in range(30):
        found = search(PLACES, Simulated(seed, rate))

        assert [line.place for line in found.lines] == [guilty]
        assert found.lines[0].chance <= 0.01
        pauses.append(found.lines[0].seconds)
    assert pauses.count(min(pause for pause in PAUSES if pause > shortest)) >= 29


@pytest.mark.parametrize(("rate", "searches"), [(0.0, 2), (0.05, 50), (0.4, 50)])
def test_no_line_is_named_where_none_matters(rate: float, searches: int) -> None:
    """In 50 searches hardly ever, as promised: at most 1 % each, so that 4 would be a finding (p = 0.002)."""
    named = sum(bool(search(PLACES, Simulated(seed, lambda *_: (rate, "the flake"))).lines) for seed in range(searches))

    assert named <= 3


def test_a_pause_that_makes_it_pass() -> None:
    """Where half of the trials fail without it."""
    guilty = PLACES[7]
    for seed in range(20):
        found = search(PLACES, Simulated(seed, lambda places, _: (0.0 if guilty in places else 0.5, "the flake")))

        assert [(line.place, line.raises) for line in found.lines] == [(guilty, False)]


MEETING = [replace(place, meets=place in (PLACES[4], PLACES[12], PLACES[21])) for place in PLACES]


def test_where_threads_and_tasks_meet_comes_first() -> None:
    """The line is found before all lines are tried; where no others are to be, what matters elsewhere is not named."""
    guilty = MEETING[12]
    for seed in range(10):
        found = search(MEETING, Simulated(seed, lambda places, _: (0.9 if guilty in places else 0.0, "it")))

        assert [line.place for line in found.lines] == [guilty]
        assert found.lines[0].seconds == PAUSE_WHERE_MET
        assert found.pauses == [], "no pause was tried at all lines"
    elsewhere = Simulated(1, lambda places, _: (0.9 if MEETING[7] in places else 0.0, "it"))
    assert not search(MEETING, elsewhere, only_where_met=True).lines


def test_a_long_pause_may_only_keep_it_from_failing() -> None:
    """Where one so long makes it fail, there may be a limit on how long something takes."""
    slow, late = MEETING[4], MEETING[21]

    def rate(places: set[TracedLine], seconds: float) -> tuple[float, str]:
        if seconds < LONGER_WAIT:
            return 0.5, "it"
        return (0.0 if late in places else 0.95 if slow in places else 0.5), "it"

    for seed in range(10):
        found = search(MEETING, Simulated(seed, rate), only_where_met=True)

        assert [(line.place, line.raises) for line in found.lines] == [(late, False)]


def test_another_failure_is_not_the_flake() -> None:
    """A pause that only brings about a failure of another kind is not named."""
    other, guilty = PLACES[3], PLACES[20]

    def rate(places: set[TracedLine], seconds: float) -> tuple[float, str]:
        if other in places:
            return 0.95, "took too long"
        return (0.8 if guilty in places else 0.02), "the flake"

    for seed in range(20):
        found = search(PLACES, Simulated(seed, rate), ["the flake"])

        assert [line.place for line in found.lines] == [guilty]


def test_of_many_suspects_those_are_tested_for_which_there_is_time() -> None:
    """The most suspected, at least; six of them and the lines behind the best would take far longer than is left."""
    guilty = set(PLACES[::5])
    probe = Simulated(1, lambda places, _: (0.45 if guilty & places else 0.02, "the flake"), seconds=0.5)

    found = search(PLACES, probe)

    assert {line.place for line in found.lines} < guilty
    assert found.lines
    assert (found.out_of_time, found.pauses) == (True, [])
    assert probe.trials < 150


def test_of_lines_in_a_row_the_last_is_named() -> None:
    """A pause anywhere between looking and acting does: the line that acts comes first, the others after it."""
    rows = [TracedLine("m.py", line, "f", 1.0, 2) for line in range(1, 9)]
    for seed in range(20):
        found = search(rows, Simulated(seed, lambda places, _: (0.95 if places & {*rows[2:5]} else 0.0, "the flake")))

        assert found.lines[0].place.line in (4, 5)
        assert {line.place.line for line in found.lines} <= {3, 4, 5}


def test_it_ends_in_time() -> None:
    """What has been tried to the end is told, and that there was no time for more."""
    found = search(PLACES, Simulated(1, lambda *_: (0.0, ""), seconds=2.0))

    assert found.out_of_time
    assert found.lines == []
    assert found.pauses
    assert found.pauses == list(PAUSES[: len(found.pauses)])
    assert len(found.pauses) < len(PAUSES)


def test_a_longer_pause_is_preferred_where_it_does_far_more() -> None:
    """A short one that works now and then is not the last word."""
    guilty = PLACES[12]

    def rate(places: set[TracedLine], seconds: float) -> tuple[float, str]:
        if guilty not in places:
            return 0.0, "the flake"
        return (0.35 if seconds == PAUSES[0] else 0.95), "the flake"

    found = [search(PLACES, Simulated(seed, rate)).lines for seed in range(20)]

    assert all(lines[0].place == guilty for lines in found)
    assert sum(lines[0].seconds == PAUSES[1] for lines in found) >= 17
