"""What --noise does, by either program, and that nothing is left of it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from tests.integration.perturb.conftest import Runner, below, is_alive, until
from tests.tools import needed

import flakeproof
from flakeproof.engine.noise import cpus_of, loads_of
from flakeproof.events import AnyEvent, Noted
from flakeproof.model import Load, Perturbations
from flakeproof_worker.perturb import noise

PROGRAMS = Path(noise.__file__).parent
COUNT = """
import os
import time
from pathlib import Path

def check():
    end = time.monotonic() + 20
    while (found := sorted(noise()))[:5] != WANTED and time.monotonic() < end:
        time.sleep(0.01)  # they have just been started
    raise AssertionError(" ".join(found))

def noise():
    mark = os.environ["FLAKEPROOF_RUN"].encode()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().split(b"\\0")
            if mark not in (path / "environ").read_bytes():
                continue
            if len(words) > 4 and words[3].endswith(b"perturb/noise.py"):
                yield f"{words[4].decode()}@{words[5].decode()}/{len(os.sched_getaffinity(int(path.name)))}"
            elif words[0].endswith(b"stress-ng"):
                yield f"stress-ng/{len(os.sched_getaffinity(int(path.name)))}"
        except OSError:
            pass
"""


@pytest.fixture(params=["own", "stress-ng"])
def program(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What makes the noise; where it is our own program, no other is found."""
    name: str = request.param
    if name == "own":
        folder = tmp_path / "programs"
        folder.mkdir()
        (folder / "true").symlink_to(needed("true"))
        monkeypatch.setenv("PATH", str(folder))
    else:
        needed("stress-ng")
    return name


def test_processes_run_beside_the_tests(run: Runner, program: str) -> None:
    """So many of each kind, on the CPUs of the tests; none is there after the run."""
    notes: list[str] = []

    def hear(event: AnyEvent) -> None:
        if isinstance(event, Noted):
            notes.append(event.message)

    own = ["cpu@0.3/1", "cpu@0.3/1", "io@1.0/1", "memory@1.0/1"]
    wanted = own if program == "own" else ["stress-ng/1"] * 5
    summary = run(f"WANTED = {wanted}\n{COUNT}", count=1, noise="cpu=2@30%,io=1,memory=1", cpus=1, on_event=hear)

    message = summary.signatures[0].example.message
    assert message.removeprefix("AssertionError: ").split()[:5] == wanted
    by = "flakeproof's own program" if program == "own" else "stress-ng "
    assert notes[0].startswith(f"noise beside the tests: cpu=2@30%,io=1,memory=1 by {by}")
    assert _noise(os.getpid()) == []


def test_a_command_has_noise_too(program: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is beside any target."""
    monkeypatch.chdir(tmp_path)
    summary = flakeproof.run(["true"], count=2, noise="cpu=1@10%")

    assert summary.passed == 2
    assert _noise(os.getpid()) == []


def test_it_dies_with_the_coordinator(program: str, tmp_path: Path) -> None:
    """Even if that is killed, and can see to nothing any more."""
    (tmp_path / "slow.py").write_text("import time\ndef check():\n    time.sleep(60)\n")
    words = [sys.executable, "-m", "flakeproof", "run", "slow:check", "--noise", "cpu=1,memory=1"]
    process = subprocess.Popen(
        [*words, "--store", str(tmp_path / "s")], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: len(_noise(process.pid)) >= 2)
        found = _noise(process.pid)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    until(lambda: not any(map(is_alive, found)))


def test_a_leash_ends_all_that_its_program_has_started() -> None:
    """Also what leads a session of its own, and whose parent has gone."""
    script = "sleep 600 & (setsid sleep 600 &) ; echo; wait"
    words = [str(PROGRAMS / "leash.py"), "0", str(os.getpid()), needed("sh"), "-c", script]
    with subprocess.Popen([sys.executable, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as leash:
        assert leash.stdin is not None
        assert leash.stdout is not None
        leash.stdout.readline()
        until(lambda: sum(words[0] == "sleep" for _, words in below(leash.pid)) == 2)
        found = [child for child, _ in below(leash.pid)]
        leash.stdin.close()
        leash.wait()
    assert leash.returncode == 0
    assert not any(map(is_alive, found))


def test_noise_that_ends_early_is_told(run: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stress-ng that cannot run is no reason to run no tests, but to say so."""
    folder = tmp_path / "programs"
    folder.mkdir()
    broken = folder / "stress-ng"
    broken.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "stress-ng, version 9.9 (none)" && exit\nexit 3\n')
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    code = """
import os, time
from pathlib import Path

def check():
    end = time.monotonic() + 20
    while any(is_leash(child) for child in children()) and time.monotonic() < end:
        time.sleep(0.01)

def children():
    return Path(f"/proc/{os.getppid()}/task/{os.getppid()}/children").read_text().split()

def is_leash(pid):
    try:
        return b"leash.py" in Path(f"/proc/{pid}/cmdline").read_bytes()  # empty for a zombie
    except OSError:
        return False
"""
    notes: list[str] = []
    run(code, count=1, noise="cpu=1", on_event=lambda e: notes.append(e.message) if isinstance(e, Noted) else None)

    assert notes[-1] == "stress-ng 9.9 ended before the tests did (exit status 3): they ran without its noise"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("disk=1", "'disk=1' is no noise"),
        ("cpu=0", "0 is not between"),
        ("cpu=1,cpu=2", "twice"),
        ("cpu=1@0%", "is no noise"),
        ("loud", "mild, or strong"),
    ],
)
def test_bad_noise_is_named(given: str, named: str) -> None:
    """With what it is written like."""
    from flakeproof.perturbations.cpu import NOISE

    with pytest.raises(ValueError, match=named):
        NOISE.parse(given)


def test_arms_share_the_noise() -> None:
    """Of each kind there is what either asks for at the most; it is pinned as the arm with the most CPUs is."""
    mild = Perturbations(noise={"cpu": Load(count=2, share=0.6), "memory": Load(count=1)}, cpus=1)
    other = Perturbations(noise={"cpu": Load(count=1)}, cpus=2)

    assert loads_of([mild, other]) == {"cpu": Load(count=2), "memory": Load(count=1)}
    assert cpus_of([mild, other]) == 2
    assert cpus_of([mild, Perturbations()]) is None


def _noise(parent: int) -> list[psutil.Process]:
    return [
        child
        for child, words in below(parent)
        if words[0].endswith("stress-ng") or any(word.endswith("perturb/noise.py") for word in words)
    ]
