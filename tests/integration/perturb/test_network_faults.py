"""`--network delay=…`: real sockets on 127.0.0.1 through a relay, in a network of each test's own."""

import re
import socket
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from tests.tools import missing

import flakeproof
from flakeproof.errors import UsageError
from flakeproof.events import Noted
from flakeproof.results.summary import Summary
from flakeproof_worker.system.namespace import possible

_CODE = """
    import socket, sys, threading, time

    def exchange(host="127.0.0.1"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, 0), family=family) as listener:
            began = time.monotonic()
            with socket.create_connection(listener.getsockname()[:2]) as client, listener.accept()[0] as server:
                client.sendall(b"x" * 4000)
                assert server.recv(4000, socket.MSG_WAITALL) == b"x" * 4000
                server.sendall(b"y")
                assert client.recv(1) == b"y"
            return time.monotonic() - began

    def slow():
        assert exchange() < 0.08, "slow"  # a SYN, its answer, data, its answer: 20 ms each

    def plain():
        exchange()

    def six():
        exchange("::1")

    def asks_once():
        with socket.socket(type=socket.SOCK_DGRAM) as server, socket.socket(type=socket.SOCK_DGRAM) as client:
            server.bind(("127.0.0.1", 0))
            client.sendto(b"query", server.getsockname())
            # What comes later on the same way was not lost, or all was: whoever waits for both waits for no time.
            for number in range(30):
                client.sendto(b"%d" % number, server.getsockname())
            server.settimeout(5)
            assert server.recv(10) == b"query", "no query"

    def looks_up():
        socket.getaddrinfo("localhost", 80)
        socket.getaddrinfo("127.0.0.1", 80)
        try:
            socket.getaddrinfo("nowhere.invalid", 80)
        except socket.gaierror as error:
            assert error.errno == socket.EAI_AGAIN, error
            raise

    if __name__ == "__main__":
        globals()[sys.argv[1]]()
"""


@pytest.fixture(autouse=True)
def _permitted() -> None:
    for what in ("faults", "packets"):
        if (why := possible(what)) is not None:
            missing(why)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With code that talks over loopback."""
    (tmp_path / "talks.py").write_text(textwrap.dedent(_CODE))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(target: Any, network: str, count: int = 1, **settings: Any) -> Summary:
    """Under faults, one test at a time."""
    settings = {"workers": 1, "processes": 1, "seed": 1, **settings}
    return flakeproof.run(target, count=count, network=network, **settings)


def lines_of(summary: Summary) -> list[str]:
    """What the record of the first failure says of the wire."""
    lines: list[str] = summary.signatures[0].example.details["wire"]["lines"]
    return lines


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("talks:slow", id="function"),
        pytest.param([sys.executable, "talks.py", "slow"], id="command", marks=pytest.mark.long),
    ],
)
def test_a_delay_is_as_long_as_asked(project: Path, target: Any) -> None:
    """No packet comes earlier, by the kernel's own time stamps, and the tap tells how long they took."""
    summary = run(target, "delay=20ms", watch="packets")
    assert summary.failed == 1
    told = " ".join(lines_of(summary))
    took = re.search(r"the network: 20ms of delay asked for; packets took ([\d.]+) ms", told)
    assert took is not None, told
    assert float(took[1]) >= 20


def test_losses_are_those_of_the_seed(project: Path) -> None:
    """The same test has the same fate in another run, however it is started; and its record names what was lost."""
    found = []
    for isolation in ("fork", "fresh"):
        summary = run("talks:asks_once", "loss=30%", 8, isolation=isolation)
        assert summary.passed + summary.failed == 8
        (signature,) = summary.signatures
        assert "5 bytes from 127.0.0.1:" in lines_of(summary)[0]
        assert "(UDP) was lost after " in lines_of(summary)[0]
        found.append((summary.failed, signature.example.trial))
    assert found[0] == found[1]


def test_a_reset_is_the_networks(project: Path) -> None:
    """Neither end is blamed for it."""
    summary = run("talks:plain", "rst=100%", watch="packets")
    assert summary.failed == 1
    assert "the network itself reset it" in lines_of(summary)[0]
    assert "SYN from" in lines_of(summary)[-1]
    assert "was replaced by RST to both ends" in lines_of(summary)[-1]


def test_names_fail_and_the_rest_does_not(project: Path) -> None:
    """With the error of a resolver that cannot be reached; addresses, and names in /etc/hosts, need none."""
    summary = run("talks:looks_up", "dns=fail")
    assert summary.failed == 1
    assert "Temporary failure in name resolution" in summary.signatures[0].example.message


def test_what_goes_past_the_relay_is_told(project: Path) -> None:
    """IPv6 does, so that nobody takes it for tested."""
    if not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists():
        missing("this machine has no IPv6")
    notes: list[str] = []
    summary = run(
        *("talks:six", "loss=90%", 2),
        on_event=lambda event: notes.append(event.message) if isinstance(event, Noted) else None,
    )
    assert (summary.passed, summary.failed) == (2, 0)
    assert any("no test has sent a packet to 127.0.0.1" in note and "over ::1" in note for note in notes), notes


def test_what_contradicts_it_is_refused(project: Path) -> None:
    """With the setting that does, and before anything runs."""
    with pytest.raises(UsageError, match="tests share a process here"):
        run("talks:plain", "loss=1%", isolation="shared")
    with pytest.raises(UsageError, match="act on: packets have faults"):
        run("talks:plain", "loss=1%", private_network=False)
    with pytest.raises(UsageError, match="dns makes Python's own functions fail"):
        run(["true"], "dns=fail")
