"""Whether copies of a test collide: the decision, its error, and what a failure names that copies share."""

from typing import Any

import pytest
from scipy.stats import binom  # type: ignore[import-untyped]

from flakeproof.copies import ERROR, ODDS, ODDS_NAMED, Conclusion, CopyCounts, conclude, of_all, threshold, trials_alone
from flakeproof.failures.shared_things import named_in
from flakeproof.model import Failure, Outcome


def counts(failed: int, total: int) -> CopyCounts:
    """So many failures of so many trials."""
    return CopyCounts(failed=failed, passed=total - failed)


def test_the_decision() -> None:
    """The table of the module."""
    assert conclude(counts(0, 30), counts(14, 60), 1, 1, ODDS_NAMED) is Conclusion.COLLIDE
    assert conclude(counts(1, 30), counts(40, 60), 1, 1, ODDS_NAMED) is Conclusion.FAILS_ALONE
    assert conclude(counts(0, 5), counts(2, 10), 1, 1, ODDS_NAMED) is Conclusion.UNKNOWN
    assert conclude(counts(0, 30), counts(0, 60), 1, 1, ODDS_NAMED) is Conclusion.UNKNOWN
    assert conclude(counts(0, 0), counts(10, 10), 1, 1, ODDS_NAMED) is Conclusion.UNKNOWN
    collide, alone, unknown = Conclusion.COLLIDE, Conclusion.FAILS_ALONE, Conclusion.UNKNOWN
    assert of_all({"a": collide, "b": collide}) is collide
    assert of_all({"a": collide, "b": unknown}) is unknown
    assert of_all({"a": collide, "b": unknown, "c": alone}) is alone


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.3, 0.7])
@pytest.mark.parametrize("tests", [1, 5])
def test_what_company_does_not_change_is_hardly_ever_called_a_collision(rate: float, tests: int) -> None:
    """The probability is summed exactly, for a look whose size follows from the true rate."""
    alone = trials_alone(rate, tests, 1, 0, 0, 0, ODDS_NAMED)
    assert alone is not None
    company = 2 * alone
    wrong = (
        sum(
            binom.pmf(failed, company, rate)
            for failed in range(company + 1)
            if conclude(counts(0, alone), counts(failed, company), tests, 1, ODDS_NAMED) is Conclusion.COLLIDE
        )
        * (1 - rate) ** alone
    )
    assert wrong <= threshold(tests, 1)
    assert sum(threshold(1, look) for look in range(1, 1000)) <= ERROR


@pytest.mark.parametrize("alone_rate", [0.002, 0.017, 0.1])
def test_a_race_that_shows_more_often_beside_others_is_hardly_ever_called_a_collision(alone_rate: float) -> None:
    """Three times as often, and nothing is known that copies share: what a small program in Rust was seen to do."""
    alone = trials_alone(3 * alone_rate, 1, 1, 0, 0, 0, ODDS)
    assert alone is not None
    company = 2 * alone
    wrong = (1 - alone_rate) ** alone * binom.sf(
        next(
            failed
            for failed in range(company + 1)
            if conclude(counts(0, alone), counts(failed, company), 1, 1, ODDS) is Conclusion.COLLIDE
        )
        - 1,
        *(company, 3 * alone_rate),
    )
    assert wrong < 1e-4
    assert conclude(counts(0, 100), counts(27, 200), 1, 1, ODDS) is Conclusion.UNKNOWN
    assert conclude(counts(0, 100), counts(27, 200), 1, 1, ODDS_NAMED) is Conclusion.COLLIDE


def test_what_is_known_to_be_shared_by_nothing_but_its_effect_needs_more_trials() -> None:
    """Of a collision in every second trial: it is found all the same."""
    alone = trials_alone(0.5, 1, 1, 0, 0, 0, ODDS)
    assert alone is not None
    assert 50 <= alone <= 250
    assert conclude(counts(0, alone), counts(alone, 2 * alone), 1, 1, ODDS) is Conclusion.COLLIDE


def test_enough_trials_are_planned_and_no_more_than_needed() -> None:
    """What is seen in every second trial takes a few, what is seen once in a thousand takes thousands."""
    few, many = trials_alone(0.5, 1, 1, 0, 0, 0, ODDS_NAMED), trials_alone(0.001, 1, 1, 0, 0, 0, ODDS_NAMED)
    assert few is not None
    assert many is not None
    assert 5 <= few <= 20
    assert 5000 <= many <= 15_000
    assert trials_alone(1e-7, 1, 1, 0, 0, 0, ODDS_NAMED) is None


def failure(said: str = "", output: str = "", **exception: Any) -> Failure:
    """One that says so."""
    details = {"exception": {"message": "", "frames": [], **exception}} if exception else {}
    return Failure(
        trial=1, seed=1, outcome=Outcome.FAILED, message=said, signature="", duration=0.0, process=0,
        details=details, output=output,
    )  # fmt: skip


FRAMES = [("/project/conftest.py", 12, "server"), ("/usr/lib/python3.11/socket.py", 900, "create_server")]


@pytest.mark.parametrize(
    ("seen", "what", "place"),
    [
        (
            failure(type="OSError", errno="EADDRINUSE", message="[Errno 98] Address already in use", frames=FRAMES),
            "an address",
            "/project/conftest.py:12",
        ),
        (
            failure(
                type="RuntimeError",
                message="no server",
                frames=[],
                cause={
                    "type": "OSError",
                    "message": "[Errno 98] Address already in use (while attempting to bind on ('127.0.0.1', 8000))",
                    "frames": FRAMES,
                },
            ),
            "port 8000",
            "/project/conftest.py:12",
        ),
        (failure(output="panic: listen tcp :8080: bind: address already in use\n"), "port 8080", ""),
        (failure(output="Error: listen EADDRINUSE: address already in use :::3000"), "port 3000", ""),
        (
            failure(type="sqlite3.OperationalError", message="database is locked", frames=FRAMES[:1]),
            "a locked database",
            "/project/conftest.py:12",
        ),
        (
            failure(type="FileExistsError", message="[Errno 17] File exists: '/tmp/name'", frames=FRAMES[:1]),
            "/tmp/name",
            "/project/conftest.py:12",
        ),
        (failure('psycopg.errors.DuplicateDatabase: database "test_shop" already exists'), "test_shop", ""),
    ],
)
def test_what_a_failure_names(seen: Failure, what: str, place: str) -> None:
    """A taken address, something locked, a name that exists, in the words of several runtimes."""
    found = named_in(seen)
    assert found is not None
    assert (found.what, found.place) == (what, place)
    assert found.is_address == (what == "an address" or what.startswith("port"))


def test_most_failures_name_nothing_that_copies_share() -> None:
    """A refused connection or a comparison is none of them."""
    assert named_in(failure(type="ConnectionRefusedError", message="[Errno 111] Connection refused")) is None
    assert named_in(failure("AssertionError: assert 1 == 2", "it already ran\n")) is None
