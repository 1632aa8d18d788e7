"""A build succeeds, or says why not, and does not outlive us."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from flakeproof.errors import BuildFailedError, CannotRunError, ExitCode
from flakeproof.revisions.checkout import build


def test_a_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a line of the shell, in its folder, with variables on top of ours and none of a hook's."""
    monkeypatch.setenv("OURS", "ours")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    output = tmp_path / "output.log"
    build("base", "echo $OURS $NAME${GIT_DIR-} >made && echo out; echo err >&2", tmp_path, {"NAME": "value"}, output)
    assert (tmp_path / "made").read_text() == "ours value\n"
    assert output.read_text() == "out\nerr\n"


def test_what_it_leaves_running_does_not_hold_us_up(tmp_path: Path) -> None:
    """A server that a build has started is its own affair."""
    os.mkfifo(tmp_path / "gate")
    gate = os.open(tmp_path / "gate", os.O_RDWR)
    given_up = threading.Timer(60, os.write, (gate, b"\n"))
    given_up.start()
    build("base", "(read line; touch ended) <gate & echo started", tmp_path, {})
    assert not (tmp_path / "ended").exists()
    given_up.cancel()
    os.write(gate, b"\n")
    while not (tmp_path / "ended").exists():
        time.sleep(0.01)
    os.close(gate)


@pytest.mark.parametrize(
    ("command", "status", "ending"),
    [("echo one; echo two; exit 7", 7, "exit status 7"), ("echo one; echo two; kill -9 $$", -9, "killed by signal 9")],
)
def test_it_fails(tmp_path: Path, command: str, status: int, ending: str) -> None:
    """Arm, command and exit status are told, and the output."""
    with pytest.raises(BuildFailedError) as caught:
        build("fix", command, tmp_path, {})
    error = caught.value
    assert (error.arm, error.command, error.status, error.details) == ("fix", command, status, "one\ntwo\n")
    assert error.message == f"the build of the fix failed ({ending}): {command}"
    assert error.exit_code == ExitCode.BROKEN


def test_a_long_output(tmp_path: Path) -> None:
    """Its beginning and its end are shown; all of it is in the file."""
    output = tmp_path / "output.log"
    with pytest.raises(BuildFailedError) as caught:
        build("base", "seq 100000; printf '\\377\\n'; exit 1", tmp_path, {}, output)
    lines = caught.value.details.splitlines()
    assert (lines[0], lines[-2], lines[-1]) == ("1", "100000", "�")
    assert any("bytes left out" in line for line in lines)
    assert len(caught.value.details) < 10_000
    assert output.stat().st_size > 500_000


def test_it_cannot_be_started(tmp_path: Path) -> None:
    """That is no failure of the build."""
    with pytest.raises(CannotRunError, match="cannot be started") as caught:
        build("base", "true", tmp_path / "missing", {})
    assert not isinstance(caught.value, BuildFailedError)


BUILDING = """
import sys
from pathlib import Path
from flakeproof.revisions.checkout import build
print("started", flush=True)
build("base", sys.argv[1] + "sleep 61 & sleep 62; sleep 63", Path.cwd(), {"BUILD_MARK": str(Path.cwd())})
"""


def marked(mark: Path) -> list[psutil.Process]:
    """Living processes of the build."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get("BUILD_MARK") == str(mark):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.long
@pytest.mark.parametrize(
    ("number", "status", "prefix"), [(signal.SIGINT, -signal.SIGINT, ""), (signal.SIGTERM, 143, "trap '' TERM; ")]
)
def test_it_hangs_and_is_interrupted(tmp_path: Path, number: signal.Signals, status: int, prefix: str) -> None:
    """Nothing of it is left, even where it will not hear of SIGTERM."""
    environment = {name: value for name, value in os.environ.items() if name != "BUILD_MARK"}
    words = [sys.executable, "-c", BUILDING, prefix]
    with subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=-1, stderr=-1) as process:
        deadline = time.monotonic() + 30
        while len(marked(tmp_path)) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(marked(tmp_path)) == 3
        process.send_signal(number)
        process.communicate(timeout=30)
        assert process.returncode == status
    assert marked(tmp_path) == []
