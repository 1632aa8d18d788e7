"""Runs on a Ray cluster; its nodes are raylets of this machine. One cluster and few runs: each costs seconds."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psutil
import pytest
from tests.e2e.conftest import Flakeproof

from flakeproof.cluster.ray_links import _check_that_anybody_listens, _why_not
from flakeproof.errors import UsageError

_CLUSTER = """
import sys
from ray.cluster_utils import Cluster
size = {"object_store_memory": 80 * 2**20}
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **size})
nodes = {name: cluster.add_node(num_cpus=1, node_name=name, **size) for name in ("first", "second")}
print("at", cluster.address, flush=True)
for line in sys.stdin:
    cluster.remove_node(nodes.pop(line.strip()), allow_graceful=False)
    print("killed", flush=True)
cluster.shutdown()
"""
_TARGETS = """
import os, pathlib, time
from flakeproof import current_trial

def fails_at_40():
    if current_trial().number == 40:
        raise ValueError("forty")

def waits():
    pathlib.Path(os.environ["SEEN"], str(current_trial().number)).touch()
    while not pathlib.Path(os.environ["SEEN"], "go").exists():
        time.sleep(0.01)
"""


class Nodes:
    """A cluster of two nodes, `first` and `second`, with one processor each."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.address = self._told("at ")

    def kill(self, name: str) -> None:
        """Kill a node with all that runs there."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{name}\n")
        self._process.stdin.flush()
        self._told("killed")

    def _told(self, what: str) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:  # Ray prints there, too
            if line.startswith(what):
                return line.removeprefix(what).strip()
        pytest.fail("the cluster could not be started")


@pytest.fixture
def cluster(environment: dict[str, str], tmp_path: Path) -> Iterator[Nodes]:
    """Such a cluster; tests on it find the folder SEEN."""
    if os.environ.get("FLAKEPROOF_REQUIRE_ALL") != "1":
        pytest.importorskip("ray", reason="Ray is not installed")
    (tmp_path / "seen").mkdir()
    environment |= {"SEEN": str(tmp_path / "seen"), "RAY_USAGE_STATS_ENABLED": "0"}
    process = subprocess.Popen(
        [sys.executable, "-c", _CLUSTER],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    starting = threading.Timer(_PATIENCE, process.kill)
    starting.start()
    try:
        nodes = Nodes(process)
        starting.cancel()
        yield nodes
    finally:
        starting.cancel()
        assert process.stdin is not None
        with process:
            process.stdin.close()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def worker_processes(folder: str) -> list[psutil.Process]:
    """Worker processes of runs whose tests find the folder SEEN."""
    found = []
    for process in psutil.process_iter():
        try:
            if any("flakeproof_worker" in word for word in process.cmdline()) and folder in process.environ().get(
                "SEEN", ""
            ):
                found.append(process)
        except psutil.Error:
            continue
    return found


_PATIENCE = 300.0
"""Seconds after which what has not come about never will: a test fails then, and does not hold up all others."""


def until(holds: Callable[[], object]) -> None:
    """Wait until it holds."""
    end = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < end, "it has not come about"
        time.sleep(0.05)


@contextmanager
def given_up_in_time(process: "subprocess.Popen[str]") -> Iterator["subprocess.Popen[str]"]:
    """Kill it if it goes on for too long, or if the test fails before its end."""
    timer = threading.Timer(_PATIENCE, process.kill)
    timer.start()
    try:
        with process:
            try:
                yield process
            except BaseException:
                process.kill()
                raise
    finally:
        timer.cancel()


@pytest.mark.long
def test_a_run_on_ray(cluster: Nodes, project: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """Three runs: it is as on one machine; a node dies; the coordinator dies."""
    seen = tmp_path / "seen"
    (project / "targets.py").write_text(_TARGETS)
    words = [sys.executable, "-m", "flakeproof", "run", "--on", cluster.address, "--seed", "7", "--json", "-"]

    def start(*more: str) -> AbstractContextManager["subprocess.Popen[str]"]:
        return given_up_in_time(
            subprocess.Popen(
                [*words, *more], cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        )

    # stdout has the document and nothing of Ray's; the failure is told with its node and the project's own path.
    with start("targets:fails_at_40", "-c", "200") as process:
        out, err = process.communicate()
    assert process.returncode == 1, err
    document = json.loads(out)
    assert (document["total"], document["failed"]) == (200, 1)
    example = document["signatures"][0]["example"]
    assert example["trial"] == 40
    assert example["details"]["node"] in ("first", "second")
    assert example["details"]["exception"]["frames"][-1][0] == str(project / "targets.py")
    assert f"FAILURE #1 on test 40 on node {example['details']['node']}: ValueError: forty" in out + err

    # Both nodes hold a test when one of them dies, and the tests go on once that is known: each has one outcome.
    with start("targets:waits", "-c", "40") as process:
        until(lambda: len(list(seen.iterdir())) == 2)
        cluster.kill("second")
        assert process.stderr is not None
        err = ""
        while "node second is lost" not in err:
            line = process.stderr.readline()
            assert line, err
            err += line
        (seen / "go").touch()
        out, rest = process.communicate()
        err += rest
    document = json.loads(out)
    assert document["total"] == 40, err
    assert document["failed"] == 0
    lost = document["outcomes"].get("lost", 0)
    assert document["passed"] + lost == 40
    assert lost <= 1

    # Killed, the coordinator can end nothing; Ray ends its actor, and with that all that it has started.
    (seen / "go").unlink()
    with start("targets:waits", "-c", "40") as process:
        until(lambda: worker_processes(str(seen)))
        process.send_signal(signal.SIGKILL)
    until(lambda: not worker_processes(str(seen)))


def test_what_cannot_be_shared_out_is_refused(flakeproof: Flakeproof, project: Path) -> None:
    """Before anything is started."""
    for words, said in (
        (["--on", "somewhere"], "'somewhere' is no place to run; write local, auto, ray://HOST:10001 or HOST:6379"),
        (["--on", "auto", "--shard", "1/2", "--seed", "1"], "both share a run out over machines"),
    ):
        ended = flakeproof("run", "targets:passes", *words)
        assert ended.returncode == 2
        assert said in ended.stderr
    assert not (project / ".flakeproof").exists()


def test_without_ray_the_message_says_how_to_get_it(flakeproof: Flakeproof, project: Path) -> None:
    """What cannot be imported is named."""
    (project / "ray.py").write_text("raise ImportError('no such thing')\n")
    ended = flakeproof("run", "targets:passes", "--on", "auto", env={"PYTHONPATH": str(project)})
    assert ended.returncode == 2
    assert "--on needs Ray, which cannot be imported: no such thing" in ended.stderr
    assert "pip install 'flakeproof[ray]'" in ended.stderr


def test_nobody_listens_at_an_address() -> None:
    """Ray itself would try for minutes."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        for form in (address, f"ray://{address}"):
            with pytest.raises(UsageError, match=f"there is no Ray cluster at {form}: Connection refused"):
                _check_that_anybody_listens(form)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 2.9"), "has other versions"),
        (ValueError("x\nPackage size (2.0GiB) exceeds the maximum size of 512.00MiB. To"), "maximum size of 512.00MiB"),
        (ConnectionError("Could not find any running Ray instance."), "there is no Ray cluster at auto"),
    ],
)
def test_what_ray_says_is_told_with_a_remedy(error: Exception, said: str) -> None:
    """The errors are Ray's own words, as its version 2.60 has them."""
    found = _why_not("auto", "/project", error)
    assert isinstance(found, UsageError)
    assert said in found.message
    assert found.remedy
