"""Orders that the coordinator chooses: what runs in each trial, and what is told of it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.tools import missing

from flakeproof.engine.leases import Order
from flakeproof.features.isolate.probes import Probing, Ran, probing
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


_STATE = """
import importlib, os, pathlib
import pytest
import again
from package import Shop

KEPT = pathlib.Path.home() / "kept"
class Registry:
    def __init__(self):
        self.names = []
REGISTRY = Registry()
TABLE = {}

@pytest.fixture(scope="session")
def basket():
    return []

def renew():
    global REGISTRY
    REGISTRY = Registry()
    return REGISTRY

def test_makes(): KEPT.write_text("x"); pathlib.Path("here").write_text("y"); os.remove("old")
def test_needs(): assert KEPT.exists()
def test_renews(): renew()
def test_registers():
    renew()
    REGISTRY.names.append("a")
def test_puts(basket): basket.append(3)
def test_sets():
    TABLE["k"] = Registry()
def test_reloads():
    importlib.reload(again)
def test_opens(): Shop.customers.append("b")
"""
MAKES, NEEDS, RENEWS, REGISTERS, PUTS, SETS, RELOADS, OPENS = (
    f"test_state.py::test_{name}"
    for name in ("makes", "needs", "renews", "registers", "puts", "sets", "reloads", "opens")
)


@pytest.fixture
def states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Probing]:
    """The same for tests that leave something behind, with a home folder."""
    folder, home = tmp_path / "project", tmp_path / "home"
    for made in (folder, home):
        made.mkdir()
    monkeypatch.setenv("HOME", str(home))
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "old").write_text("z")
    (folder / "again.py").write_text("class A: pass\ndef f(): pass\nLIST = []\n")
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").write_text("from package.shop import Shop\n")
    (folder / "package" / "shop.py").write_text("class Shop:\n    customers = []\n")
    (folder / "test_state.py").write_text(_STATE)
    target = PytestTarget(name="tests", python=sys.executable, folder=str(folder), arguments=[], options=[])
    spec = RunSpec(target=target, count=None, workers=2, processes=1, isolation=Isolation.FORK, seed=1, timeout=20)
    with probing(spec, "20990101-000000-000abcd") as found:
        found.collect()
        yield found


def test_files_are_those_of_one_trial(states: Probing, tmp_path: Path) -> None:
    """Another one sees nothing of them, nor does anybody later; what has changed is told, and can be put back."""
    if states.shares_files:
        missing(states.shares_files)
    kept = f"file {tmp_path / 'home' / 'kept'}"

    both, alone, seen, restored = states.run(
        [
            Order((MAKES, NEEDS), private=True),
            Order((NEEDS,), private=True),
            Order((MAKES, NEEDS), look=NEEDS, private=True, watch=kept),
            Order((MAKES, NEEDS), look=NEEDS, private=True, restore=(kept,)),
        ]
    )

    assert (both.items, alone.items, restored.items) == ({}, {NEEDS: ItemOutcome.FAILED}, {NEEDS: ItemOutcome.FAILED})
    assert {(one["name"], one["before"], one["after"]) for one in seen.found["changes"] if one["kind"] == "file"} == {
        (kept, "not there", "1 byte: 'x'"),
        (f"file {tmp_path / 'project' / 'here'}", "not there", "1 byte: 'y'"),
        (f"file {tmp_path / 'project' / 'old'}", "1 byte: 'z'", "not there"),
    }
    assert seen.found["line"].endswith("test_state.py:23 (test_makes)")
    assert list((tmp_path / "home").iterdir()) == []
    assert (tmp_path / "project" / "old").exists()


def test_what_replaced_objects_and_fixtures_hold_is_told(states: Probing) -> None:
    """A list in an object that was replaced or in a class known elsewhere, a fixture's value, a module run again."""
    registered, renewed, put, reloaded, opened = states.run(
        [
            Order((REGISTERS, NEEDS), look=NEEDS, watch="text of test_state.REGISTRY.names"),
            Order((RENEWS, NEEDS), look=NEEDS),
            Order((PUTS, NEEDS), look=NEEDS),
            Order((RELOADS, NEEDS), look=NEEDS, watch="module again"),
            Order((OPENS, NEEDS), look=NEEDS),
        ]
    )

    def told(ran: Ran, name: str) -> list[tuple[str, str]]:
        return [(one["before"], one["after"]) for one in ran.found["changes"] if one["name"] == name]

    assert told(registered, "test_state.REGISTRY.names") == [("[]", "['a']")]
    assert registered.found["line"].endswith("test_state.py:28 (test_registers)")
    assert told(renewed, "test_state.REGISTRY.names") == []
    assert told(opened, "package.shop.Shop.customers") == [("[]", "['b']")]
    assert told(put, "fixture basket (session)") == [("not there", "[3]")]
    assert told(reloaded, "module again") == [("as first imported", "executed again")]
    assert [one["name"] for one in reloaded.found["changes"] if one["name"].startswith("again.")] == []
    assert reloaded.found["line"].endswith("test_state.py:33 (test_reloads)")


def test_a_change_is_the_work_of_the_line_that_makes_it(states: Probing) -> None:
    """Not of the last one that ran in a function that it has called."""
    (seen,) = states.run([Order((SETS, NEEDS), look=NEEDS, watch="test_state.TABLE['k']")])

    assert seen.found["line"].endswith("test_state.py:31 (test_sets)")
