"""Tests that bind a fixed port get networks of their own; those that need the real network do not."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.pytest_targets.conftest import Suite
from tests.tools import missing

import flakeproof
from flakeproof.errors import UsageError
from flakeproof.perturbations import resources
from flakeproof.perturbations.perturbation import Hindrance
from flakeproof_worker.system.namespace import possible


@pytest.fixture(scope="module", autouse=True)
def _permitted() -> None:
    if (why := possible("network")) is not None:
        missing(why)


@pytest.fixture
def port() -> int:
    """One that is free."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    return number


def served(port: int, also: str = "pass") -> str:
    """A test that serves on a fixed port and meets others there if there are any, and does something else."""
    return f"""
        import os, socket, time
        import pytest

        @pytest.fixture(scope="session")
        def server():
            with socket.create_server(("127.0.0.1", {port})) as server:
                yield server

        def test_it(server):
            {also}
            with socket.create_connection(server.getsockname()):
                time.sleep(0.02)
    """


@pytest.mark.parametrize("isolation", ["fork", pytest.param("fresh", marks=pytest.mark.long)])
def test_a_fixed_port_brings_a_network_of_ones_own(suite: Suite, port: int, isolation: str) -> None:
    """It is noticed in the first test, before there are any beside it, and the user is told."""
    suite.write(conftest="", test_it=served(port))
    seen = suite.run(count=12, workers=3, processes=2, isolation=isolation)
    assert seen.summary.outcomes == {"passed": 12}
    (note,) = seen.notes
    assert note == (
        f"test 1 binds port {port} (at test_it.py:7): each test has a network of its own from now on "
        "(to prevent this: --no-private-network)"
    )


def test_it_can_be_asked_for(suite: Suite, port: int) -> None:
    """From the first test on, and nothing has to be told."""
    suite.write(test_it=served(port))
    seen = suite.run(count=8, workers=4, processes=2, private_network=True)
    assert (seen.summary.outcomes, seen.notes) == ({"passed": 8}, [])


def test_a_free_port_is_no_fixed_one(suite: Suite) -> None:
    """Nothing is switched on for a test that lets the system choose."""
    suite.write(test_it=served(0))
    seen = suite.run(count=6, workers=2)
    assert (seen.summary.outcomes, seen.notes) == ({"passed": 6}, [])


def test_who_reaches_for_another_machine_keeps_the_network(suite: Suite, port: int) -> None:
    """A test that needs the real network must not be broken; it is said how copies are kept from colliding."""
    also = "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('192.0.2.1', 9))"
    suite.write(test_it=served(port, also).replace("time.sleep(0.02)", "assert len(os.listdir('/sys/class/net')) > 0"))
    seen = suite.run(count=2, workers=2)
    (note, *_) = seen.notes
    assert f"binds port {port} (at test_it.py:7) and uses 192.0.2.1:9" in note
    assert note.endswith("tests that run at once may collide; one at a time: -w 1")


def test_one_at_a_time_where_nobody_asked_for_more(suite: Suite, port: int) -> None:
    """By default tests that cannot have networks of their own do not collide either, but wait for each other."""
    also = "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('192.0.2.1', 9))"
    suite.write(test_it=served(port, also))
    seen = suite.run(count=8, workers=None)
    assert seen.summary.outcomes == {"passed": 8}
    if len(os.sched_getaffinity(0)) > 1:
        assert seen.notes[0].endswith("tests run one at a time, so as not to collide (-w 2 for two at once)")


def test_what_fails_in_a_network_of_its_own_is_not_blamed_for_it(suite: Suite, port: int) -> None:
    """What was not seen in the first test, here a program that looks at the network, shows itself in the second."""
    interfaces = "'lo:' in open('/proc/net/dev').read() and open('/proc/net/dev').read().count(':') > 1"
    if Path("/proc/net/dev").read_text().count(":") < 2:
        missing("there is no network but loopback")
    suite.write(test_it=served(port, f"assert {interfaces}"))
    seen = suite.run(count=2, workers=2)
    assert seen.notes[1].startswith("test 2 failed in a network of its own and runs again without one")
    assert seen.summary.passed + seen.summary.failed == 2


def test_where_it_is_not_permitted(suite: Suite, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for, it is an error that says what to do; else a note says how copies are kept from colliding."""
    refused = Hindrance("a network namespace takes what this process has not", "run as root")
    monkeypatch.setattr("flakeproof.settings.build_spec.hindered", lambda what: refused)
    monkeypatch.setattr("flakeproof.engine.execute.hindered", lambda what: refused)
    assert resources.hindered("network") is None
    suite.write(test_it=served(port))
    with pytest.raises(UsageError, match="private_network= is not possible here: a network namespace takes"):
        suite.run(count=2, workers=2, private_network=True)
    note = suite.run(count=2, workers=2).notes[0]
    assert note.startswith(f"test 1 binds port {port} (at test_it.py:7), and a network of its own is not possible here")
    assert "-w 1" in note


def test_a_command_gets_a_network_of_its_own(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is asked for."""
    monkeypatch.chdir(tmp_path)
    script = f"import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(0.1)"
    command = [sys.executable, "-c", script]
    assert flakeproof.run(command, count=6, workers=3, private_network=True).outcomes == {"passed": 6}


def test_nobody_in_particular_can_have_it(port: int) -> None:
    """Without privileges, where user namespaces are permitted; where not, the error says what is missing."""
    if os.geteuid() != 0:
        pytest.skip("the tests run without privileges anyway")
    script = (
        "import ctypes, fcntl, os, socket, flakeproof_worker.system.namespace\n"
        "from flakeproof_worker.perturb.confinement import have_private_network\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "ctypes.CDLL(None).prctl(4, 1)  # dumpable, as a program that nobody has started\n"
        "try:\n"
        "    have_private_network({})\n"
        "except OSError as error:\n"
        "    print(error.strerror)\n"
        "else:\n"
        f"    socket.create_server(('127.0.0.1', {port})).close()\n"
        "    print(open('/proc/net/dev').read().count(':'))\n"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    assert said == "1" or "user namespace" in said
