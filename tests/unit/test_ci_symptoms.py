"""Whether a failure in a log and one of ours are the same: what differs between two runs does not count."""

import pytest

from flakeproof.features.ci.case import dotted
from flakeproof.features.ci.symptoms import alike, symptom


@pytest.mark.parametrize(
    ("log", "here", "same"),
    [
        ("ValueError: port 8080 at 0x7f00", "ValueError: port 9090 at 0x7faa", True),
        ("assert 3 == 2", "AssertionError: assert 5 == 2", True),
        ("AssertionError: left over", "AssertionError: left over\nassert 1 == 0", True),
        ("ValueError: left over", "TypeError: left over", False),
        ("AssertionError: left over", "AssertionError: left under", False),
        ("", "AssertionError: anything", True),
        ("failed on setup with \"KeyError: 'a'\"", "KeyError: 'a'", False),
    ],
)
def test_what_may_differ(log: str, here: str, same: bool) -> None:
    """Numbers and addresses; not the type, the words or the phase. A log without a message says nothing against it."""
    assert alike(symptom(log), symptom(here)) is same
    assert alike(symptom(here), symptom(log)) is same


@pytest.mark.parametrize(
    ("log", "same"),
    [
        ("AssertionError: the quick bro...", True),
        ("AssertionError: the quick brown 12...", True),
        ("AssertionError: the slow br...", False),
        ("...", True),
    ],
)
def test_a_message_that_was_cut_is_compared_as_far_as_it_goes(log: str, same: bool) -> None:
    """The last word of it may be half of one."""
    whole = symptom("AssertionError: the quick brown 125 foxes jump")
    assert alike(symptom(log, may_be_cut=True), whole) is same


def test_an_error_in_a_fixture_is_one_whichever_file_tells_of_it() -> None:
    """JUnit has the phase in its message."""
    told = symptom('failed on teardown with "ValueError: no"')
    assert (told.phase, told.message) == ("teardown", "ValueError: no")
    assert alike(told, symptom("ValueError: no", "teardown"))


def test_a_node_id_as_junit_has_it() -> None:
    """Parameters are left as they are."""
    assert dotted("tests/test_a.py::TestK::test_m[x::y/z.py]") == "tests.test_a.TestK.test_m[x::y/z.py]"
