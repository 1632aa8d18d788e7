"""Packets of a network of one's own: the tap, and `tcprtt` that holds TCP_INFO against them."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.integration.test_tcprtt import symptoms
from tests.tools import missing

import flakeproof
from flakeproof.errors import UsageError
from flakeproof.perturbations.perturbation import Hindrance
from flakeproof.scenarios import packet_monitor
from flakeproof_worker.system.namespace import possible


@pytest.fixture(scope="module", autouse=True)
def _permitted() -> None:
    if (why := possible("packets")) is not None:
        missing(why)


_ALONE = """
import json, os, socket, sys
from flakeproof_worker.system import namespace, packet_tap
from flakeproof.net.packets import Tracker
if "--nobody" in sys.argv:
    socket.inet_pton(socket.AF_INET, "127.0.0.1"), "".encode("idna")  # modules that nobody may not read later
    os.setgid(65534); os.setuid(65534)
    import ctypes
    ctypes.CDLL(None).prctl(4, 1)  # dumpable, as a program that nobody has started
namespace.enter_network_namespace()
namespace.bring_up_loopback()
tap = packet_tap.PacketTap()
namespace.give_up_privileges()
counters = os.open("/proc/self/net/netstat", os.O_RDONLY)

def connected(host="127.0.0.1"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        client = socket.socket(family)
        client.connect(server.getsockname()[:2])
        return client, server.accept()[0]

def told():
    tracker = Tracker()
    for seen in tap.read():
        tracker.feed(*seen[:3])
    return tracker
"""


def alone(script: str, *words: str) -> Any:
    """What `script` puts into `result` in a network of its own."""
    whole = f"{_ALONE}\n{script}\nprint(json.dumps(result))"
    done = subprocess.run([sys.executable, "-c", whole, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_tap_sees_each_packet_once() -> None:
    """Of loopback the copy that is sent; UDP and others are not taken, both versions of IP are."""
    script = """
result = []
for host in ("127.0.0.1", "::1"):
    client, server = connected(host)
    client.send(b"foo"); server.recv(3); client.close(); server.recv(1); server.close()
    socket.socket(client.family, socket.SOCK_DGRAM).sendto(b"x", (host, 9))
tracker = told()
for one in tracker.connections:
    ends = list(one.ends)
    result.append([[end.bytes_sent, end.sent_again, end.late, end.not_seen] for end in ends])
    result.append([one.closing.by_client, one.closing.how.value, one.is_over, ends[0].round_trips.count > 0])
result.append([tracker.reader.other, tracker.reader.cut_off, tap.dropped])
"""
    once = [[[3, 0, 0, 0], [0, 0, 0, 0]], [True, "FIN", True, True]]
    assert alone(script) == [*once, *once, [0, 0, 0]]


def test_what_the_kernel_has_seen_the_tap_has() -> None:
    """Without waiting: once TCP_INFO knows of an answer, its packet is there, in each of 100 connections."""
    script = """
from flakeproof.net import tcp_info
lacking = 0
tracker = Tracker()
for _ in range(100):
    client, server = connected()
    client.send(b"foo")
    known = tcp_info(client).bytes_acked
    for seen in tap.read():
        tracker.feed(*seen[:3])
    found = tracker.between(client.getsockname(), client.getpeername())
    lacking += found.client.acknowledged - found.client.first < known
    client.close(); server.close()
result = lacking
"""
    assert alone(script) == 0


def test_packets_that_find_no_room_are_counted() -> None:
    """Nothing is taken for seen that was not: what is there and what was dropped is all that there was."""
    script = """
client, server = connected()
told()
before = tap.dropped
for _ in range(9000):
    client.send(b"x"); server.recv(1)
    server.send(b"x"); client.recv(1)
read, dropped = len(tap.read()), tap.dropped
client.send(b"x"); server.recv(1)
result = [before, read >= 16384, dropped > 0, tap.dropped == dropped, len(tap.read()) > 0]
"""
    assert alone(script) == [0, True, True, True, True]


def test_the_kernel_tells_of_unread_data() -> None:
    """Its counter knows, where the RST on the wire leaves two explanations."""
    script = """
import struct
result = []
for unread, linger in ((True, False), (False, True), (False, False)):
    client, server = connected()
    client.send(b"foo")
    if not unread: server.recv(3)
    if linger: server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.close()
    client.close()
    result.append(packet_tap.closed_over_unread_data(counters))
result.append([None if one.reset is None else one.reset.by_client for one in told().connections])
"""
    assert alone(script) == [1, 1, 1, [False, False, None]]


def test_nobody_in_particular_can_see_packets() -> None:
    """In a user namespace; where these are not permitted, that is what is said."""
    script = "connected()\nresult = len(told().connections)"
    done = subprocess.run(
        [sys.executable, "-c", f"{_ALONE}\n{script}\nprint(json.dumps(result))", "--nobody"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "1\n" or "user namespace" in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("io", "isolation"),
    [
        ("asyncio", "shared"),
        pytest.param("threads", "shared", marks=pytest.mark.long),
        ("asyncio", "fork"),
        pytest.param("asyncio", "fresh", marks=pytest.mark.long),
    ],
)
def test_tcp_info_agrees_with_packets(io: str, isolation: str, tmp_path: Path) -> None:
    """In each kind of isolation; what cannot be compared is skipped and said, but that is not all."""
    count = 150 if isolation == "shared" else 6
    asked = {"monitor": "packets", "io": io}
    summary = flakeproof.run("tcprtt", count=count, isolation=isolation, settings=asked, store=str(tmp_path))
    assert (summary.failed, summary.total) == (0, count), dict(symptoms(summary))
    assert summary.outcomes["passed"] > count // 2


def test_without_the_fix_the_failures_are_the_same(tmp_path: Path) -> None:
    """EBADF on the client's write, as without the monitor; where the race is missed, it is run again.

    What the wire shows by then is told with each.
    """
    found: Counter[str] = Counter()
    said: list[str] = []
    for _ in range(10):
        asked = {"server": "leaky", "monitor": "packets", "settle": "0ms"}
        summary = flakeproof.run("tcprtt", count=1000, workers=20, settings=asked, store=str(tmp_path))
        found += symptoms(summary)
        messages = [group.example.message for group in summary.signatures]
        said += [text for text in messages if text.startswith("write failed") and "[Errno 9]" in text]
        if found["EBADF write"]:
            break
    assert found["EBADF write"] > 0
    assert all("[Errno 9] Bad file descriptor; on the wire: " in text for text in said), said


@pytest.mark.long
@pytest.mark.parametrize("preset", ["ci", "fast"])
def test_the_variants_agree(preset: str, tmp_path: Path) -> None:
    """No disagreement in all of their trials."""
    summary = flakeproof.run("tcprtt", preset=preset, settings={"monitor": "packets"}, store=str(tmp_path))
    assert (summary.failed, summary.total) == (0, summary.planned), dict(symptoms(summary))


def test_where_it_is_not_permitted_the_rest_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, with the remedy, and the trials run without the monitor."""
    refused = Hindrance("to see packets takes what this process has not", "run as root")
    monkeypatch.setattr("flakeproof.settings.build_spec.hindered", lambda what: refused)
    summary = flakeproof.run("tcprtt", count=4, settings={"monitor": "packets"}, store=str(tmp_path))
    assert summary.outcomes == {"passed": 4}
    log = next(tmp_path.rglob("events.jsonl")).read_text()
    assert "packets are not monitored: to see packets takes what this process has not; run as root" in log


def test_without_a_network_of_its_own_there_is_nothing_to_monitor(tmp_path: Path) -> None:
    """Both cannot be had."""
    with pytest.raises(UsageError, match="private_network= leaves nothing to monitor"):
        flakeproof.run("tcprtt", count=4, private_network=False, settings={"monitor": "packets"}, store=str(tmp_path))


def test_a_wrong_round_trip_is_noticed() -> None:
    """The trial fails if TCP_INFO were another connection's: too short, too long, or varying otherwise."""
    script = """
from flakeproof.scenarios import packet_monitor
packet_tap._own = tap
result = []
for change in ({}, {"rtt": 1}, {"rtt": 10**9}, {"rttvar": 10**9}):
    with socket.create_server(("127.0.0.1", 0)) as server:
        watched = packet_monitor.watch()
        client = socket.create_connection(server.getsockname())
        info = watched.reads(client)._replace(**change)
        try:
            watched.compare(info, client.getsockname(), client.getpeername())
        except OSError as error:
            result.append(error.strerror.partition(" us")[0])
        else:
            result.append("")
"""
    agreed, short, long, varied = alone(script)
    assert (agreed, short, long) == ("", "TCP_INFO has 1", "TCP_INFO has 1000000000")
    assert varied.startswith("TCP_INFO has ")


def test_without_a_tap_the_trial_says_so() -> None:
    """Nothing passes because nothing was looked at."""
    with pytest.raises(OSError, match="this process cannot see packets"):
        packet_monitor.watch()
