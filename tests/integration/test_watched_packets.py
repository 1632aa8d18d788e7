"""`--watch packets`: what the connections of a failed trial did is in the record of its failure."""

import re
import sys
import textwrap
from pathlib import Path

import pytest
from tests.tools import missing

import flakeproof
from flakeproof.errors import UsageError
from flakeproof.net.packets import Tracker, pcap
from flakeproof.perturbations.perturbation import Hindrance
from flakeproof.results.summary import Summary
from flakeproof_worker.system.namespace import possible


@pytest.fixture(scope="module", autouse=True)
def _permitted() -> None:
    if (why := possible("packets")) is not None:
        missing(why)


_HASTY = """
    import socket, sys, threading

    def serve(listener, closed):
        connection, _ = listener.accept()
        assert connection.recv(3, socket.MSG_PEEK | socket.MSG_WAITALL) == b"foo"  # it is there, and stays there
        connection.close()
        closed.set()

    def check():
        closed = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=serve, args=(listener, closed)).start()
            with socket.create_connection(listener.getsockname()) as client:
                client.sendall(b"foo")
                closed.wait()
                client.sendall(b"bar")

    def refused():
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = listener.getsockname()
        socket.create_connection(address)

    def orderly():
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with socket.create_connection(listener.getsockname()) as client, listener.accept()[0] as server:
                client.sendall(b"foo")
                assert server.recv(10) == b"foo"
            raise ValueError("after all was well")

    def nothing():
        raise ValueError("without a connection")

    def test_it():
        check()

    if __name__ == "__main__":
        check()
"""
_RESET = re.compile(
    r"127\.0\.0\.1:\d+ to 127\.0\.0\.1:\d+: 3 bytes there, 0 bytes back, round trip [\d.]+ m?s: "
    r"the server sent RST [\d.]+ m?s after the client's 3 bytes, which it had not read to the end"
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a server that closes before it has read."""
    (tmp_path / "hasty.py").write_text(textwrap.dedent(_HASTY))
    (tmp_path / "test_hasty.py").write_text("from hasty import test_it\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def wire_of(summary: Summary) -> list[str]:
    """What the record of the first failure says of the wire."""
    lines: list[str] = summary.signatures[0].example.details["wire"]["lines"]
    return lines


@pytest.mark.parametrize(
    ("target", "isolation"),
    [
        ("hasty:check", "fork"),
        pytest.param("hasty:check", "fresh", marks=pytest.mark.long),
        pytest.param("test_hasty.py::test_it", "fork", marks=pytest.mark.long),
        pytest.param("test_hasty.py::test_it", "fresh", marks=pytest.mark.long),
    ],
)
def test_the_end_that_reset_is_named(project: Path, target: str, isolation: str) -> None:
    """With the moment and what was unread, for functions and tests, forks and fresh interpreters."""
    summary = flakeproof.run(target, count=3, workers=1, isolation=isolation, watch="packets")
    assert summary.outcomes == {"failed": 3}
    (line,) = wire_of(summary)
    assert _RESET.fullmatch(line), line


def test_commands_are_watched(project: Path) -> None:
    """Those of any language; the capture is kept, and another reader finds the same connection in it."""
    summary = flakeproof.run([sys.executable, "hasty.py"], count=2, workers=2, watch="packets")
    assert summary.outcomes == {"failed": 2}
    (line,) = wire_of(summary)
    assert _RESET.fullmatch(line), line
    captures = sorted(project.rglob("packets/*.pcap"))
    assert [capture.name for capture in captures] == ["trial-1.pcap", "trial-2.pcap"]
    tracker = Tracker()
    tracker.feed_all(pcap.read(captures[0]))
    (connection,) = tracker.connections
    assert connection.reset is not None
    assert (connection.reset.by_client, connection.client.bytes_sent) == (False, 3)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("hasty:refused", r".*: the server answered SYN with RST after [\d.]+ m?s, as where nobody listens"),
        ("hasty:orderly", r".*: nothing unusual; the server sent FIN [\d.]+ m?s after the client's 3 bytes"),
        pytest.param("hasty:nothing", "no TCP connection was made", marks=pytest.mark.long),
    ],
)
def test_what_else_there_is_to_tell(project: Path, target: str, said: str) -> None:
    """Also that the wire shows nothing unusual, which refutes the network as the cause."""
    (line,) = wire_of(flakeproof.run(target, count=1, watch="packets"))
    assert re.fullmatch(said, line), line


@pytest.mark.long
def test_trials_beside_each_other_do_not_see_each_other(project: Path) -> None:
    """Each has a network of its own: one connection each, in eight trials at once."""
    summary = flakeproof.run("hasty:check", count=16, workers=8, watch="packets")
    assert summary.outcomes == {"failed": 16}
    for capture in project.rglob("packets/*.pcap"):
        tracker = Tracker()
        tracker.feed_all(pcap.read(capture))
        assert len(tracker.connections) == 1
    assert len(list(project.rglob("packets/*.pcap"))) == 16


@pytest.mark.long
def test_what_passes_leaves_nothing(project: Path) -> None:
    """No capture is kept of it."""
    (project / "calm.py").write_text("def check(): pass\n")
    assert flakeproof.run("calm:check", count=4, watch="packets").outcomes == {"passed": 4}
    assert list(project.rglob("*.pcap")) == []


def test_in_a_shared_process_it_is_refused(project: Path) -> None:
    """Nobody could say whose packets they are."""
    with pytest.raises(UsageError, match="tests that share a process share its network"):
        flakeproof.run("hasty:check", count=1, isolation="shared", watch="packets")


def test_without_a_network_of_its_own_it_is_refused(project: Path) -> None:
    """There would be everybody's packets."""
    with pytest.raises(UsageError, match="private_network= leaves nothing to watch"):
        flakeproof.run("hasty:check", count=1, private_network=False, watch="packets")


def test_where_it_is_not_permitted_the_rest_goes_on(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, and the failure is told without it."""
    refused = Hindrance("to see packets takes what this process has not", "run as root")
    monkeypatch.setattr("flakeproof.settings.build_spec.hindered", lambda what: refused)
    summary = flakeproof.run("hasty:check", count=1, watch="packets")
    assert "wire" not in summary.signatures[0].example.details
    log = next(project.rglob("events.jsonl")).read_text()
    assert "packets are not watched: to see packets takes what this process has not; run as root" in log
