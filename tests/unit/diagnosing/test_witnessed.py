"""From what a trial was seen to call to the line that is shown."""

from tests.unit.diagnosing.test_decision import flake

from flakeproof.features.diagnose.failure_under_study import Flake
from flakeproof.features.diagnose.observed_calls import CLOCK, EXECUTOR, OUTSIDE, RANDOM, SETS, Call, examine
from flakeproof.features.diagnose.records import Place

FILE = "/project/shop.py"


def call(kind: str, line: int, function: str = "sell", what: str = "", thread: int = 0, order: int = 0) -> Call:
    """Something that was done at a line."""
    return Call(kind=kind, file=FILE, line=line, function=function, what=what, thread=thread, order=order)


def place(line: int, function: str = "sell") -> Place:
    """A line of that file."""
    return Place(file=FILE, line=line, function=function)


def failed() -> Flake:
    """In `sell`."""
    return flake("wrong")


def no_source(file: str) -> str:
    """Of no file."""
    return ""


def test_the_nearest_line_is_shown() -> None:
    """In the function that failed rather than elsewhere, and there the last before it failed."""
    calls = [call("random", 3, order=1), call("random", 5, order=2), call("random", 40, "other", order=3)]
    assert examine(calls, failed(), no_source).places[RANDOM] == place(5)
    assert examine(calls[2:], failed(), no_source).places[RANDOM] == place(40, "other")


def test_threads_and_coroutines() -> None:
    """Known by what has run where."""
    found = examine(
        [call("ran", 1), call("ran", 1, thread=1), call("ran", 9, "wait", "coroutine")], failed(), no_source
    )
    assert (found.looked, found.several_threads, found.coroutines) == (True, True, {(FILE, "wait")})
    alone = examine([call("ran", 1)], failed(), no_source)
    assert (alone.looked, alone.several_threads, alone.coroutines) == (True, False, set())


def test_who_hands_work_to_a_thread_of_the_loop() -> None:
    """A coroutine of the user's, and not what the loop does by itself when it is closed."""
    own = [
        call("ran", 9, "save", "coroutine"),
        call("thread", 12, "save", "asyncio"),
        call("thread", 40, "test", "asyncio"),
    ]
    found = examine(own, failed(), no_source)
    assert (found.own_threads, found.places[EXECUTOR]) == (False, place(12, "save"))
    assert examine([call("thread", 3, what="threading")], failed(), no_source).own_threads


def test_files_of_a_trial_are_nobody_elses() -> None:
    """Only what lies outside of its temporary folder can be in dispute, and a port only if it was named."""
    own = [call("open", 3, what="/tmp/flakeproof-abc/7/pytest/x"), call("bind", 4, what="('127.0.0.1', 0)")]
    assert OUTSIDE not in examine(own, failed(), no_source).places
    theirs = [*own, call("open", 5, what="/tmp/fixed", order=2), call("bind", 6, what="('', 8080)", order=3)]
    found = examine(theirs, failed(), no_source)
    assert (found.places[OUTSIDE], found.uses[OUTSIDE]) == (place(5), "/tmp/fixed")


def test_sets_in_code_that_has_run() -> None:
    """A set in a function that was never called does not matter."""
    source = "def sell():\n    return list({'a', 'b'})\ndef other():\n    return list({'c', 'd'})\n"
    found = examine([call("ran", 3, "other")], failed(), lambda file: source)
    assert found.places == {SETS: place(4, "other")}


def test_measuring_time() -> None:
    """Only where it is done by what failed."""
    assert examine([call("stopwatch", 3)], failed(), no_source).timed
    assert not examine([call("stopwatch", 3, "other")], failed(), no_source).timed
    assert examine([call("clock", 3)], failed(), no_source).places[CLOCK] == place(3)
