"""What --noise does, and that nothing is left of it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tests.integration.perturb.conftest import Runner

COUNT = """
import os
from pathlib import Path

def check():
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\\0")
        except OSError:
            continue
        if len(words) > 5 and words[3].endswith(b"perturb/load.py"):
            if os.environ["FLAKEPROOF_RUN"].encode() in Path(path.parent, "environ").read_bytes():
                found.append(words[4].decode())
    raise AssertionError(" ".join(sorted(found)))
"""


def test_processes_run_beside_the_tests(run: Runner) -> None:
    """So many of each kind; none is there after the run."""
    summary = run(COUNT, count=2, noise="cpu=2,io=1,memory=1")

    assert "cpu cpu io memory" in summary.signatures[0].example.message
    assert _left() == []


def test_a_command_has_noise_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is beside any target."""
    import flakeproof

    monkeypatch.chdir(tmp_path)
    summary = flakeproof.run(["true"], count=2, noise="cpu=1")

    assert summary.passed == 2
    assert _left() == []


def test_it_dies_with_the_coordinator(tmp_path: Path) -> None:
    """Even if that is killed, and can see to nothing any more."""
    (tmp_path / "slow.py").write_text("import time\ndef check():\n    time.sleep(60)\n")
    words = [
        sys.executable,
        "-m",
        "flakeproof",
        "run",
        "slow:check",
        "--noise",
        "cpu=1",
        "--store",
        str(tmp_path / "s"),
    ]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _until(lambda: bool(_loads(process.pid)))
        loads = _loads(process.pid)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    _until(lambda: not any(load.is_running() and load.status() != psutil.STATUS_ZOMBIE for load in loads))


def test_bad_noise_is_named(tmp_path: Path) -> None:
    """With what it is written like."""
    for given, named in (("disk=1", "'disk=1' is no noise"), ("cpu=0", "0 is not between"), ("cpu=1,cpu=2", "twice")):
        words = [sys.executable, "-m", "flakeproof", "run", "slow:check", "--noise", given]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 2
        assert named in done.stderr, json.dumps(done.stderr)


def _loads(parent: int) -> list[psutil.Process]:
    try:
        children = psutil.Process(parent).children()
        return [child for child in children if any("perturb/load.py" in word for word in child.cmdline())]
    except psutil.Error:
        return []


def _left() -> list[psutil.Process]:
    return _loads(os.getpid())


def _until(condition: object, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.01)
