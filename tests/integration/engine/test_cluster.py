"""A run shared out over nodes that are processes of this machine: what is counted, and what a lost node costs."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.integration.engine.nodes import PipedNodes

from flakeproof.cluster.execute import execute_on_cluster
from flakeproof.errors import CannotRunError, Stop, UsageError
from flakeproof.events import (
    Answered,
    AnyEvent,
    ItemsCollected,
    NodeJoined,
    NodeLost,
    ProcessLoaded,
    Progressed,
    RunEnded,
    TrialFailed,
    TrialLost,
    TrialsPassed,
)
from flakeproof.model import PROCESSES_PER_SHARD, CallableTarget, PytestTarget, Question, RunSpec, Target
from flakeproof.results.history import History
from flakeproof.results.question import Asking

_TARGETS = """
import pathlib, time
from flakeproof_worker.current import current_trial

GO = pathlib.Path({go!r})

def passes():
    while not GO.exists():
        time.sleep(0.005)

def fails_rarely():
    passes()
    if current_trial().number % 97 == 5:
        raise ValueError("five")

def naps():
    passes()
    time.sleep(0.001)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with targets, which wait for a sign."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "targets.py").write_text(_TARGETS.format(go=str(tmp_path / "go")))
    (folder / "test_it.py").write_text("def test_ok(): pass\ndef test_bad(): assert False, __file__\n")
    return folder


class Run:
    """A run on such nodes; `during` is called with each event and the connections.

    Without it, tests go on as soon as every node has loaded the target.
    """

    def __init__(self, project: Path, names: str, during: Callable[[AnyEvent, PipedNodes], None] | None = None) -> None:
        self.project = project
        self.names = names
        self.during = during or self._go_on
        self.loaded: set[int] = set()
        self.events: list[AnyEvent] = []
        self.history = History()

    def __call__(self, target: str = "", *, pytest_tests: bool = False, **changes: Any) -> History:
        base: dict[str, Any] = {"name": target, "python": sys.executable, "folder": str(self.project)}
        wanted: Target = (
            PytestTarget(**base, arguments=["test_it.py"])
            if pytest_tests
            else CallableTarget(**base, module="targets", attribute=target)
        )
        settings: dict[str, Any] = {"count": 300, "workers": 1, "processes": 1, "seed": 7, "on": "auto", **changes}
        spec = RunSpec(target=wanted, **settings)
        inquiry = Asking(spec.question) if spec.question is not None else None
        nodes = PipedNodes(self.project, self.project.parent / "copies", self.names)

        def hear(event: AnyEvent) -> None:
            self.history.add(event)
            self.events.append(event)
            self.during(event, nodes)

        execute_on_cluster(spec, "run", [hear], inquiry, connect=lambda address, folder: nodes)
        assert nodes.is_closed
        return self.history

    def go(self) -> None:
        """Give the sign."""
        (self.project.parent / "go").touch()

    def _go_on(self, event: AnyEvent, nodes: PipedNodes) -> None:
        if isinstance(event, ProcessLoaded):
            self.loaded.add(event.process // PROCESSES_PER_SHARD)
            if len(self.loaded) == len(self.names):
                self.go()

    def told(self, kind: type) -> list[Any]:
        """The events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]


def numbers_told(run: Run) -> list[int]:
    """The number of each trial that has an outcome, as often as it has one."""
    blocks = [block for event in run.told(TrialsPassed) for block in event.trials]
    found = [trial for first, count in blocks for trial in range(first, first + count)]
    return sorted([*found, *(e.failure.trial for e in run.told(TrialFailed)), *(e.trial for e in run.told(TrialLost))])


def test_each_trial_runs_once_and_failures_name_their_node(project: Path) -> None:
    """Numbers, seeds and outcomes are those of a run on one machine; processes have numbers of their own."""
    run = Run(project, "ab")
    history = run("fails_rarely", count=1000)

    assert numbers_told(run) == list(range(1, 1001))
    assert sorted(event.failure.trial for event in run.told(TrialFailed)) == list(range(5, 1001, 97))
    assert [event.number for event in run.told(TrialFailed)] == list(range(1, 12))
    names = {event.node: event.name for event in run.told(NodeJoined)}
    assert sorted(names.values()) == ["a", "b"]
    for event in run.told(TrialFailed):
        assert event.failure.details["node"] == names[event.failure.process // PROCESSES_PER_SHARD]
    assert history.spec is not None
    assert history.spec.machines == [names[0], names[1]]
    assert history.stopped is None
    assert max(event.nodes for event in run.told(Progressed)) == 2
    assert len(run.told(RunEnded)) == 1


def test_tests_of_pytest_have_the_paths_of_the_project(project: Path) -> None:
    """Nodes collect the same tests; what they tell names files where the user has them."""
    run = Run(project, "ab")
    run(pytest_tests=True, count=6, workers=1)

    assert [event.items for event in run.told(ItemsCollected)] == [["test_it.py::test_ok", "test_it.py::test_bad"]]
    assert run.history.failed == 6
    assert str(project / "test_it.py") in run.told(TrialFailed)[0].failure.message


def test_the_allowed_failures_end_the_run(project: Path) -> None:
    """Exactly so many are counted, whichever nodes they are on."""
    run = Run(project, "ab")
    history = run("fails_rarely", count=100_000, max_failures=3)

    assert history.failed == 3
    assert history.stopped == Stop.MAX_FAILURES
    assert history.total < 100_000


def test_an_answer_ends_the_run(project: Path) -> None:
    """The question is asked of what all nodes have told."""
    run = Run(project, "ab")
    history = run("passes", count=10**9, question=Question(rate=0.001, error=0.05))

    assert len(run.told(Answered)) == 1
    assert history.stopped == Stop.ANSWERED
    assert history.failed == 0


def test_what_a_lost_node_was_running_is_lost_and_the_rest_runs_elsewhere(project: Path) -> None:
    """Neither passed nor failed, and every number has one outcome; a node that comes late takes part."""
    running: list[int] = []

    def during(event: AnyEvent, nodes: PipedNodes) -> None:
        if isinstance(event, Progressed) and not running and all(nodes.in_flight.get(node) for node in (0, 1)):
            running.extend(nodes.in_flight[0])
            nodes.kill("a")
        if isinstance(event, NodeLost):
            nodes.join("c")
        if isinstance(event, ProcessLoaded) and event.process // PROCESSES_PER_SHARD == 2:
            run.go()

    run = Run(project, "ab", during)
    history = run("naps", count=200)

    assert numbers_told(run) == list(range(1, 201))
    (gone,) = run.told(NodeLost)
    lost = run.told(TrialLost)
    assert [event.trial for event in lost] == running
    assert (gone.name, gone.lost) == ("a", 1)
    assert lost[0].reason == "lost with node a: killed"
    assert history.failed == 0
    assert [event.name for event in run.told(NodeJoined)][-1] == "c"


def test_without_any_node_left_the_run_ends(project: Path) -> None:
    """What has run counts; that the rest has not is told."""

    def during(event: AnyEvent, nodes: PipedNodes) -> None:
        run.go()
        if isinstance(event, TrialsPassed):
            nodes.kill("a")

    run = Run(project, "a", during)
    history = run("naps", count=100_000)

    assert history.stopped == Stop.NO_NODES
    assert 0 < history.total < 100_000
    assert run.told(TrialLost)


def test_time_ends_the_run(project: Path) -> None:
    """`--duration` counts from the first process that is ready, on whichever node."""
    run = Run(project, "ab")
    history = run("naps", count=None, duration=0.3)

    assert history.stopped == Stop.DURATION
    assert history.total


def test_what_no_node_can_load_is_an_error_that_names_a_node(project: Path) -> None:
    """Nothing is left running."""
    with pytest.raises(UsageError, match="node a: targets has no 'nothing'"):
        Run(project, "a")("nothing")


def test_a_cluster_without_nodes_is_an_error(project: Path) -> None:
    """Not a run that waits for ever."""
    with pytest.raises(CannotRunError, match="has no node"):
        Run(project, "")("passes")
