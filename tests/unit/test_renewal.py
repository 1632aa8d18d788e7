"""When a process gives way to a new one."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from flakeproof.engine.process import WorkerProcess
from flakeproof.engine.renewal import SHARE, Renewal
from flakeproof.model import Isolation, RunSpec

SECOND = 1_000_000_000


def process(*, lanes: int = 1, given: int = 100, taken: int = 100, ready: float = 0.0, started: float = -1.0) -> Any:
    """One whose start took a second."""
    return cast(
        "WorkerProcess",
        SimpleNamespace(
            lanes=lanes,
            account=SimpleNamespace(given=given),
            taken=taken,
            ready_ns=int(ready * SECOND),
            started_ns=int(started * SECOND),
            finished_ns=0,
            bye_ns=0,
        ),
    )


def renewal(isolation: Isolation = Isolation.FORK) -> Renewal:
    """That of a run in which a process has just got ready."""
    found = Renewal(cast("RunSpec", SimpleNamespace(isolation=isolation)))
    found.started(process(), 0)
    return found


def at(seconds: float) -> int:
    """A moment."""
    return int(seconds * SECOND)


@pytest.mark.parametrize("left", [None, 10_000])
def test_it_costs_a_part_of_the_time(left: int | None) -> None:
    """A start of a second is paid for by so long a service."""
    due = 1 / SHARE - 1
    assert not renewal().is_due(process(), at(due - 0.1), left)
    assert renewal().is_due(process(), at(due + 0.1), left)


def test_a_farewell_costs_as_well() -> None:
    """That of a session that takes long to end."""
    found, ended = renewal(), process()
    ended.finished_ns, ended.bye_ns = at(3), at(3)
    found.ended(ended, at(4))
    assert not found.is_due(process(), at(10), None)
    assert found.is_due(process(), at(2 / SHARE), None)


def test_not_for_what_is_left_in_the_end() -> None:
    """Another process would not get ready before it is done."""
    assert not renewal().is_due(process(taken=1000), at(10), 90)
    assert renewal().is_due(process(taken=1000), at(10), 110)
    assert not renewal().is_due(process(), at(10), 0)


@pytest.mark.parametrize("isolation", [Isolation.SHARED, Isolation.FRESH])
def test_only_where_trials_are_forks(isolation: Isolation) -> None:
    """A process that trials share goes on, since what they do to it is what is looked for."""
    assert not renewal(isolation).is_due(process(), at(1000), None)


def test_where_processes_are_wanted_each_has_a_lease() -> None:
    """And it is said once."""
    found = renewal()
    assert found.wants(29)
    assert "about 29 more new processes" in found.explanation
    assert not found.wants(28)
    assert found.is_due(process(given=1, taken=0), at(0.1), None)
    assert not found.is_due(process(given=0, taken=0), at(0.1), None)
    assert not found.wants(0)
    assert not found.is_due(process(), at(0.1), None)
