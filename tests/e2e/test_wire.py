"""`flakeproof wire`: what the connections of a target did, in one run of it, or in a capture."""

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from tests.tools import missing, needed

from flakeproof.net.packets import Packet, pcap
from flakeproof_worker.system.namespace import possible

Flakeproof = Callable[..., subprocess.CompletedProcess[str]]

LONG = pytest.mark.long
SCHEMA = Path(__file__).parent.parent.parent / "docs" / "wire.schema.json"
_SERVER = """
    import socket, sys

    def check(reads=True):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname())
            server, _ = listener.accept()
            client.sendall(b"foo")
            if reads:
                assert server.recv(3, socket.MSG_WAITALL) == b"foo"
            server.close()
            client.close()

    def nothing():
        pass

    if __name__ == "__main__":
        check(reads="hasty" not in sys.argv)
        sys.exit("hasty" in sys.argv)
"""


@pytest.fixture
def server(project: Path) -> Path:
    """A server that reads what it gets, or does not."""
    (project / "server.py").write_text(textwrap.dedent(_SERVER))
    return project


def permitted() -> None:
    """Skip the test where packets cannot be seen."""
    if (why := possible("packets")) is not None:
        missing(why)


def test_a_command_whose_server_resets(flakeproof: Flakeproof, server: Path) -> None:
    """The table, the words and each packet are there; the exit status is that of the wire, not that of the command."""
    permitted()
    ended = flakeproof("wire", "--", sys.executable, "server.py", "hasty")

    assert ended.returncode == 1, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[1:3] == ["=== Wire ===", "Test: failed: exit status 1"]
    row = r"1  127\.0\.0\.1:\d+ +127\.0\.0\.1:\d+ +0\.000 ms +3 +0 +\S+ m?s +-  server, RST"
    assert re.fullmatch(row, lines[6])
    told = [line.strip() for line in lines if line.startswith("    unusual: ")]
    assert len(told) == 1
    assert re.fullmatch(
        r"unusual: the server sent RST \S+ m?s after the client's 3 bytes, which it had not read to the end", told[0]
    )
    drawn = [re.sub(r"[─\s]+", " ", line.partition("│")[2]) for line in lines if "│" in line]
    assert drawn == [" SYN >│", "< SYN, ACK │", " ACK >│", " 3 bytes >│", "< ACK │", "< RST, ACK │"]
    assert lines[-1] == "Something unusual in the only connection"


def test_a_function_with_nothing_unusual_and_its_capture(flakeproof: Flakeproof, server: Path) -> None:
    """What is kept is shown again by --read, and told as data."""
    permitted()
    ended = flakeproof("wire", "server:check", "--pcap", "some.pcap")

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.endswith("Nothing unusual in 1 connection\n")
    again = flakeproof("wire", "--read", "some.pcap")
    assert again.returncode == 0, again.stderr
    assert again.stdout == ended.stdout.replace("Test: passed\n", "")
    told = flakeproof("wire", "--read", "some.pcap", "--json", "-")
    data = json.loads(told.stdout)
    jsonschema.validate(data, json.loads(SCHEMA.read_bytes()))
    (connection,) = data["connections"]
    assert (connection["client"]["bytes_sent"], connection["unusual"]) == (3, [])
    assert connection["client"]["round_trip"] > 0
    assert data["packets"] >= 6


@pytest.mark.long
def test_without_a_connection(flakeproof: Flakeproof, server: Path) -> None:
    """That is said."""
    permitted()
    ended = flakeproof("wire", "server:nothing")

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "No TCP connection was made"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--read", "none.pcap"], "--read none.pcap: No such file or directory"),
        (["--read", "server.py"], "server.py is no capture in the format pcap"),
        (["--read", "odd.pcap"], "--read odd.pcap: link type 147 is not known"),
        (["--read", "odd.pcap", "server:check"], "--read shows a capture that there is, and runs nothing"),
        (["server:check", "--pcap", "-"], "--pcap -: packets are for a file"),
    ],
)
def test_bad_input_is_named(flakeproof: Flakeproof, server: Path, words: list[str], said: str) -> None:
    """With exit status 2."""
    if "--pcap" in words:
        permitted()
    pcap.write(server / "odd.pcap", [Packet(1, b"x", 1, 147)])
    ended = flakeproof("wire", *words)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert said in ended.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("wire", "server:check"), 3, "packets cannot be seen here: "),
        pytest.param(("run", "server:check", "-c2", "--watch", "packets"), 0, "are not watched: ", marks=LONG),
        pytest.param(("run", "tcprtt", "-c2", "--monitor", "packets"), 0, "are not monitored: ", marks=LONG),
    ],
)
@pytest.mark.parametrize("lacking", ["-all", pytest.param("-net_raw", marks=LONG)])
def test_a_permission_that_is_missing_is_named(
    server: Path, environment: dict[str, str], words: tuple[str, ...], code: int, said: str, lacking: str
) -> None:
    """Namespaces or the socket: with what it takes; what does not need it goes on."""
    unshare, setpriv = needed("unshare"), needed("setpriv")
    own = [sys.executable, "-m", "flakeproof", *words]
    if lacking == "-all":
        permitted()
        shell = f'echo 0 > /proc/sys/user/max_user_namespaces && exec {setpriv} --bounding-set=-all "$@"'
        own = [unshare, "-U", "--map-current-user", "sh", "-c", shell, "sh", *own]
    elif os.geteuid() != 0 or subprocess.run([unshare, "-n", "true"], check=False).returncode:
        pytest.skip("only root has a network without a user namespace")
    else:
        own = [setpriv, f"--bounding-set={lacking}", *own]
    ended = subprocess.run(own, cwd=server, env=environment, capture_output=True, text=True, timeout=100, check=False)

    assert ended.returncode == code, ended.stderr
    assert said in ended.stderr
    assert ("CAP_SYS_ADMIN" if lacking == "-all" else "CAP_NET_RAW") in ended.stderr


@pytest.mark.long
def test_what_a_network_with_faults_did_is_shown(flakeproof: Flakeproof, server: Path) -> None:
    """The dose, by the packets themselves; a reset of its own is no end's."""
    if (why := possible("faults")) is not None:
        missing(why)
    permitted()
    slow = flakeproof("wire", "server:check", "--network", "delay=5ms")
    assert slow.returncode == 0, slow.stderr
    took = re.search(r"the network: 5ms of delay asked for; packets took ([\d.]+) ms", slow.stdout)
    assert took is not None, slow.stdout
    assert float(took[1]) >= 5
    reset = flakeproof("wire", "server:check", "--network", "rst=100%")
    assert reset.returncode == 1, reset.stderr
    assert "unusual: the network itself reset it" in reset.stdout
    assert "was replaced by RST to both ends" in reset.stdout


@pytest.mark.long
def test_what_faults_take_is_named(server: Path, environment: dict[str, str]) -> None:
    """With exit status 2, before anything runs; left out if that is asked for."""
    permitted()
    unshare, setpriv = needed("unshare"), needed("setpriv")
    shell = f'echo 0 > /proc/sys/user/max_user_namespaces && exec {setpriv} --bounding-set=-all "$@"'
    for more, code in (([], 2), (["--best-effort"], 0)):
        words = ["run", "server:check", "-c2", "--network", "loss=1%", *more]
        own = [unshare, "-U", "--map-current-user", "sh", "-c", shell, "sh", sys.executable, "-m", "flakeproof", *words]
        ended = subprocess.run(
            own, cwd=server, env=environment, capture_output=True, text=True, timeout=100, check=False
        )
        assert ended.returncode == code, ended.stderr
        assert "CAP_SYS_ADMIN" in ended.stderr
        assert ("--device /dev/net/tun" in ended.stderr) == (code == 2)
