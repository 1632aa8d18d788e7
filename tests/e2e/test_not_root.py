"""Run by a user who may do little: few processes, a store of somebody else, no namespaces."""

import json
import os
import pwd
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec
import pytest
from tests.tools import missing, mostly_long

import flakeproof

Nobody = Callable[..., subprocess.CompletedProcess[str]]
_TARGETS = """
import os, subprocess, threading

def passes(): pass

def forks():
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
"""
_USER = "nobody"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of that user's, in which everybody may look."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    user = pwd.getpwnam(_USER)
    public = [name for name in (tempfile.gettempdir(), "/var/tmp") if Path(name).stat().st_mode & stat.S_IXOTH]
    if not public:
        missing("there is no folder for temporary files that other users may enter")
    folder = Path(tempfile.mkdtemp(prefix="fp-nobody-", dir=public[0]))
    try:
        for name in ("project", "tmp", "state"):
            (folder / name).mkdir()
        (folder / "project" / "pyproject.toml").write_text("")
        (folder / "project" / "targets.py").write_text(_TARGETS)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def as_nobody(place: Path) -> Nobody:
    """Run flakeproof as that user, with at most so many `processes` of theirs."""
    user = pwd.getpwnam(_USER)
    environment = {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "LANG")},
        "HOME": str(place),
        "TMPDIR": str(place / "tmp"),
        "XDG_STATE_HOME": str(place / "state"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join(
            str(Path(package.__file__ or "").parents[1]) for package in (flakeproof, msgspec)
        ),
    }

    def run(
        *words: str, processes: int | None = None, python: str = sys.executable
    ) -> subprocess.CompletedProcess[str]:
        def limit() -> None:
            if processes is not None:
                resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))

        return subprocess.run(
            [python, "-m", "flakeproof", *words],
            cwd=place / "project",
            env=environment,
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=[],
            preexec_fn=limit,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    # The Python of root may be where nobody else can go.
    for python in (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"):
        with suppress(OSError):
            if run("--version", python=python).returncode == 0:
                return partial(run, python=python)
    return missing(f"{_USER} cannot start {sys.executable}, and nothing like it in /usr/bin")


@mostly_long("words", [("targets:passes",), ("--isolation", "fork", "targets:passes"), ("--", "true")], first=1)
def test_all_kinds_run(as_nobody: Nobody, place: Path, words: tuple[str, ...]) -> None:
    """No privilege is needed."""
    done = as_nobody("run", "-c", "5", *words)

    assert done.returncode == 0, done.stderr
    assert "All 5 tests passed!" in done.stdout
    assert list((place / "tmp").iterdir()) == []


@pytest.mark.long
@pytest.mark.parametrize("words", [("targets:passes",), ("--isolation", "fork", "targets:passes"), ("--", "true")])
def test_too_few_processes_are_told_of(as_nobody: Nobody, place: Path, words: tuple[str, ...]) -> None:
    """A limit of the user's (ulimit -u) costs trials their result at most, and no message is a fault of flakeproof."""
    done = as_nobody("run", "-c", "5", "-w", "4", "--processes", "2", *words, processes=2)

    assert "fault of flakeproof" not in done.stderr
    assert done.returncode in (0, 3), done.stderr
    if done.returncode == 3:
        assert "Resource temporarily unavailable" in done.stderr + done.stdout or "Lost (no result)" in done.stdout
    assert list((place / "tmp").iterdir()) == []


@pytest.mark.long
def test_a_store_of_another_owner_is_not_trusted(as_nobody: Nobody, place: Path) -> None:
    """It can be looked at where it is open, is not written, and what it says is not run unasked."""
    project = place / "project"
    done = subprocess.run(
        [sys.executable, "-m", "flakeproof", "run", "targets:passes", "-c", "2", "--store", str(project / "theirs")],
        cwd=project,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

    closed = as_nobody("replay", "latest", "1", "--store", "theirs")
    for path in (project / "theirs").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    opened = as_nobody("replay", "latest", "1", "--store", "theirs")
    written = as_nobody("run", "targets:passes", "-c", "2", "--store", "theirs")
    cleaned = as_nobody("clean", "--store", "theirs")

    assert closed.returncode in (2, 5)
    assert "fault of flakeproof" not in closed.stderr
    assert "was not written by you on this machine" in opened.stderr
    assert (written.returncode, "Permission denied" in written.stderr) == (2, True)
    assert cleaned.returncode == 3
    assert "cannot all be removed: Permission denied" in cleaned.stderr
    assert "0 runs removed" in cleaned.stdout


@pytest.mark.long
def test_what_needs_a_namespace_is_refused_by_name(as_nobody: Nobody) -> None:
    """Where the kernel does not permit it; else it works without privilege, too."""
    for option in (("--network", "none"), ("--temp-space", "1MB"), ("--ports", "20")):
        done = as_nobody("run", "targets:passes", "-c", "2", *option)
        assert "fault of flakeproof" not in done.stderr
        assert done.returncode in (0, 2, 3), done.stderr
        if done.returncode:
            assert option[0] in done.stderr or "permitted" in done.stderr, done.stderr


@pytest.mark.long
def test_without_a_home_records_are_no_ones(as_nobody: Nobody, place: Path) -> None:
    """Where no key can be kept the run goes on, and its record wants --trust."""
    (place / "state").rmdir()
    (place / "state").write_text("")
    os.chown(place / "state", 0, 0)
    done = as_nobody("run", "-c", "2", "--env", "A=b", "--json", "-", "--", "true")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["total"] == 2
    assert "add --trust" in as_nobody("replay", "latest", "1").stderr
    assert as_nobody("replay", "latest", "1", "--trust", "--env", "A=b").returncode == 0


_TALKS = """
import socket

def check():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        client.sendall(b"foo")
        server.close()
"""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("wire", "talks:check"), 1, "after the client's 3 bytes, which it had not read to the end"),
        (("run", "tcprtt", "--monitor", "packets", "-c", "6"), 0, "All 6 tests passed!"),
    ],
)
def test_packets_are_seen_without_privileges(
    as_nobody: Nobody, place: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    """In a user namespace; where these are not permitted, that is said."""
    (place / "project" / "talks.py").write_text(_TALKS)
    done = as_nobody(*words)

    if "this process has neither" in done.stderr:
        missing(done.stderr)
    assert done.returncode == code, done.stderr
    assert said in done.stdout
    assert "packets are not monitored" not in done.stderr
