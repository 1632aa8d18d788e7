"""Orders that the coordinator chooses: what runs in each trial, and what is told of it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flakeproof.engine.leases import Order
from flakeproof.features.isolate.probes import Probing, probing
from flakeproof.model import Isolation, ItemOutcome, PytestTarget, RunSpec

_TESTS = """
import os, pytest
RAN = []

@pytest.fixture(scope="module", autouse=True)
def module_state():
    RAN.append("up")
    yield
    if "c" in RAN:
        raise ValueError(f"after {RAN}")

def test_a(): RAN.append("a")
def test_b():
    RAN.append("b")
    assert "a" not in RAN, str(RAN)
def test_c(): RAN.append("c")
def test_d(): os._exit(7)
"""
A, B, C, D = (f"test_it.py::test_{name}" for name in "abcd")


@pytest.fixture
def probes(tmp_path: Path) -> Iterator[Probing]:
    """A process that has collected four tests, two lanes wide."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(_TESTS)
    target = PytestTarget(name="tests", python=sys.executable, folder=str(tmp_path), arguments=[], options=[])
    spec = RunSpec(target=target, count=None, workers=2, processes=1, isolation=Isolation.FORK, seed=1, timeout=20)
    with probing(spec, "20990101-000000-000abcd") as found:
        found.collect()
        yield found


def test_each_trial_runs_what_it_was_told_in_that_order(probes: Probing) -> None:
    """And nothing of it reaches the next one."""
    assert probes.items == [A, B, C, D]

    behind, before, alone = probes.run([Order((A, B)), Order((B, A)), Order((B,))])

    assert (behind.items, before.items, alone.items) == ({B: ItemOutcome.FAILED}, {}, {})
    assert [failure.message for failure in behind.failures] == ["AssertionError: ['up', 'a', 'b']"]
    assert behind.is_complete
    assert before.is_complete


def test_fixtures_of_the_module_end_with_its_last_test(probes: Probing) -> None:
    """As they would if only these had been selected."""
    with_c, without = probes.run([Order((C, A)), Order((A,))])

    assert [failure.item for failure in with_c.failures] == ["test_it.py (teardown)"]
    assert without.failures == []


def test_a_crash_has_the_name_of_what_ran(probes: Probing) -> None:
    """And the process goes on."""
    crashed, after = probes.run([Order((A, D, B)), Order((A,))])

    assert (crashed.is_complete, crashed.failures[0].item) == (False, D)
    assert after.is_complete


def test_a_look_tells_what_has_changed_and_puts_it_back(probes: Probing) -> None:
    """Only before the item that it is for."""
    seen, restored = probes.run([Order((A, B), look=B), Order((A, B), look=B, restore=("test_it.RAN",))])

    assert [(one["name"], one["before"], one["after"]) for one in seen.found["changes"]] == [
        ("test_it.RAN", "[]", "['up', 'a']")
    ]
    assert seen.found["places"] == {A: "test_it.py:12", B: "test_it.py:13"}
    assert (seen.items, restored.items) == ({B: ItemOutcome.FAILED}, {})
    assert restored.found["restored"] == ["test_it.RAN"]


def test_a_watch_tells_the_line(probes: Probing) -> None:
    """The one that has changed it first."""
    (seen,) = probes.run([Order((C, B), look=B, watch="test_it.RAN")])

    assert seen.found["line"].endswith("test_it.py:7 (module_state)")
