"""What --max-fds, --ports and --temp-space leave of what there is, and that nothing is left of them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.integration.perturb.conftest import Runner
from tests.tools import missing, needed

import flakeproof
from flakeproof import pytest_nodes
from flakeproof.results.summary import Summary
from flakeproof_worker.system.namespace import possible

CODE = """
import asyncio
import os
import tempfile

def descriptors():
    held = []
    try:
        while True:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        raise AssertionError(f"{len(held)} more") from error
    finally:
        for descriptor in held:
            os.close(descriptor)

async def descriptors_of_a_task():
    await asyncio.sleep(0)
    descriptors()

KEPT = []

def leak():
    KEPT.append(open("/dev/null"))

def ports():
    import socket

    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        low, high = map(int, file.read().split())
    listeners = []
    try:
        while True:
            listeners.append(socket.create_server(("127.0.0.1", 0)))
            assert low <= listeners[-1].getsockname()[1] <= high
    except OSError as error:
        listeners[-1].close()
        with socket.create_connection(listeners[0].getsockname()[:2], 5):
            pass
        raise AssertionError(f"{len(listeners)} listeners") from error
    finally:
        for listener in listeners:
            listener.close()

def fill():
    written = 0
    try:
        with open(f"{tempfile.mkdtemp()}/file", "wb", buffering=0) as file:
            while True:
                written += file.write(bytes(1024))
    except OSError as error:
        raise AssertionError(f"{written} bytes") from error

def half():
    with open(f"{tempfile.mkdtemp()}/file", "wb") as file:
        file.write(bytes(40_000))
"""
TESTS = """
import perturbed

def test_descriptors():
    perturbed.descriptors()

def test_space(tmp_path):
    (tmp_path / "small").write_text("fits")
    perturbed.fill()
"""


def needs(what: str) -> None:
    """Skip the test where a namespace for `what` is not permitted."""
    if why := possible(what):
        missing(why)


def message(summary: Summary) -> str:
    """Of its only failure."""
    assert summary.failed == summary.total, summary
    (found,) = messages(summary)
    return found


def messages(summary: Summary) -> list[str]:
    """Of its failures, without the type, in order."""
    return sorted(signature.example.message.removeprefix("AssertionError: ") for signature in summary.signatures)


@pytest.mark.parametrize(
    ("target", "options", "room"),
    [
        ("descriptors", {}, 5),
        ("descriptors", {"workers": 3, "isolation": "fork"}, 5),
        ("descriptors", {"isolation": "fresh"}, 5),
        ("descriptors_of_a_task", {}, 5),
        ("descriptors_of_a_task", {"workers": 3}, 15),
    ],
)
def test_room_for_so_many_descriptors(run: Runner, target: str, options: dict[str, object], room: int) -> None:
    """For each test that runs at once; those that share a process share it."""
    assert message(run(CODE, target, count=4, max_fds=5, **options)) == f"{room} more"


def test_what_leaks_takes_the_room_of_later_tests(run: Runner) -> None:
    """It is what a process has when its first test begins that does not count, and failures are told all the same."""
    summary = run(CODE, "leak", count=20, max_fds=8, sanitize="all")

    assert (summary.passed, summary.failed) == (8, 12)
    assert "Too many open files" in summary.signatures[0].example.message


def test_a_command_cannot_ask_for_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The three that it begins with do not count, and signals are as they always are."""
    monkeypatch.chdir(tmp_path)
    shell = "test $(ulimit -Sn)$(ulimit -Hn) = 1010 && kill -PIPE $$"
    summary = flakeproof.run(["sh", "-c", shell], count=2, max_fds=7)

    assert "SIGPIPE" in message(summary)


def test_few_ports_in_a_network_of_its_own(run: Runner) -> None:
    """Which can be reached, and ends with the run."""
    needs("network")

    assert message(run(CODE, "ports", count=1, ports=8)) == "8 listeners"


@pytest.mark.parametrize(
    ("options", "passed"), [({}, 1), ({"isolation": "fork"}, 3), ({"isolation": "fresh", "workers": 2}, 3)]
)
def test_little_room_for_temporary_files(run: Runner, options: dict[str, object], passed: int) -> None:
    """For each test; where tests share a process, what one has left there is in the way of the next."""
    needs("mount")

    assert message(run(CODE, "fill", count=2, temp_space="64KiB", **options)) == "65536 bytes"
    assert run(CODE, "half", count=3, temp_space="64KiB", **options).passed == passed


def test_tests_of_pytest(run: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What pytest keeps of its own is not in the way."""
    needs("mount")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "perturbed.py").write_text(CODE)
    (tmp_path / "test_it.py").write_text(TESTS)
    summary = flakeproof.run(pytest_nodes("test_it.py"), count=2, workers=1, max_fds=9, temp_space="64KiB")

    space, descriptors = messages(summary)
    assert descriptors == "9 more"
    assert int(space.removesuffix(" bytes")) in range(32_000, 65_536)


def test_replay_repeats_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They are part of the record."""
    needs("network")
    monkeypatch.chdir(tmp_path)
    shell = "cut -f2 /proc/sys/net/ipv4/ip_local_port_range; ulimit -n; df -Pk $TMPDIR | awk 'NR==2 {print $2}'; false"
    flakeproof.run(["sh", "-c", shell], count=1, max_fds=7, ports=3, temp_space="64KiB", store="store")
    words = [sys.executable, "-m", "flakeproof", "replay", "latest", "1", "--store", "store", "--json", "-"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert json.loads(done.stdout)["signatures"][0]["example"]["output"].split() == ["32770", "10", "64"]


def test_nothing_stays_when_the_coordinator_is_killed(tmp_path: Path) -> None:
    """Neither mounts nor processes: the kernel sees to that."""
    needs("mount")
    shell = f"df -P $TMPDIR | tail -1 > {tmp_path}/mounted.new; mv {tmp_path}/mounted.new {tmp_path}/mounted; sleep 60"
    words = [sys.executable, "-m", "flakeproof", "run", "-w", "1", "--temp-space", "1MB", "--ports", "9"]
    words += ["--store", str(tmp_path / "store"), "--", "sh", "-c", shell]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: (tmp_path / "mounted").exists())
        inside = _worker_of(process.pid)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    assert (tmp_path / "mounted").read_text().startswith("flakeproof ")
    assert "flakeproof-" not in Path("/proc/mounts").read_text()
    until(lambda: not Path(f"/proc/{inside}").exists())


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (("--max-fds", "0"), "0 is not between 1"),
        (("--max-fds", "999999"), "limits nothing: a process may have"),
        (("--ports", "40000"), "40000 is not between 1 and 28,232"),
        (("--temp-space", "much"), "'much' is no size; write it like 64KiB"),
        (("--temp-space", "1kB"), "1kB is not between 4KiB and"),
    ],
)
def test_what_means_nothing_is_named(tmp_path: Path, given: tuple[str, str], named: str) -> None:
    """With what it may be."""
    words = [sys.executable, "-m", "flakeproof", "run", "perturbed:check", *given]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == 2
    assert named in done.stderr


@pytest.mark.parametrize(("option", "value"), [("--ports", "5"), ("--temp-space", "1MB")])
def test_a_permission_that_is_missing_is_named(tmp_path: Path, option: str, value: str) -> None:
    """And with --best-effort it goes without, and says so."""
    needs("network")
    unshare, setpriv = needed("unshare"), needed("setpriv")
    shell = f'echo 0 > /proc/sys/user/max_user_namespaces && exec {setpriv} --bounding-set=-all "$@"'
    words = [unshare, "-U", "--map-current-user", "sh", "-c", shell, "sh", sys.executable, "-m", "flakeproof", "run"]
    words += ["-c", "2", option, value, "--store", str(tmp_path / "store"), "--", shutil.which("true") or "true"]

    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    assert f"{option} is not possible here" in done.stderr
    assert "CAP_SYS_ADMIN" in done.stderr

    words.insert(words.index("run") + 1, "--best-effort")
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{option} is left out" in done.stderr


UNPRIVILEGED = """
import fcntl, os, socket, sys
from flakeproof_worker.system import namespace

if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    import ctypes
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE, as in a program that was started by this user
before = os.getuid(), os.getgid()
namespace.enter_network_namespace()
namespace.bring_up_loopback()
namespace.enter_mount_namespace()
namespace.mount_memory("/proc", 4096)
namespace.give_up_privileges()
assert (os.getuid(), os.getgid()) == before
with open("/proc/of_mine", "w") as file:
    file.write("here")
with socket.socket() as listener, socket.socket() as other:
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    other.connect(listener.getsockname())
for forbidden in (namespace.bring_up_loopback, lambda: namespace.mount_memory("/sys", 4096)):
    try:
        forbidden()
    except OSError as error:
        print(error.errno)
"""


def test_nothing_is_permitted_inside_that_is_not_outside() -> None:
    """Everybody may have a network and mounts of their own; user and group stay, and no capability does."""
    needs("network")
    words = [sys.executable, "-c", UNPRIVILEGED]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)

    assert done.stdout == "1\n1\n", done.stderr  # EPERM


def _worker_of(coordinator: int) -> int:
    return int(Path(f"/proc/{coordinator}/task/{coordinator}/children").read_text().split()[0])


def until(condition: object, seconds: float = 20.0) -> None:
    """Wait for what is bound to happen."""
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.01)
