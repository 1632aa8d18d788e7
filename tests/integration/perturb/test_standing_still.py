"""What stops a test now and then leaves nothing stopped, even if nobody is there any more to let it go on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from tests.integration.perturb.conftest import below, is_alive, standing_still, until

LEAVES = """
import subprocess, sys

def check():
    subprocess.run([sys.executable, "-c", "while True: pass", "left behind"], start_new_session=True)
"""


@pytest.mark.parametrize(
    "options", [("--freeze", "1s@p=0.9", "--isolation", "fork"), ("--cpu-quota", "2%")], ids=["freeze", "quota"]
)
def test_after_the_coordinator_was_killed(options: tuple[str, ...], tmp_path: Path) -> None:
    """What a test has cut loose, and nobody is there to end any more, goes on; the rest has gone."""
    (tmp_path / "leaves.py").write_text(LEAVES)
    words = [sys.executable, "-m", "flakeproof", "run", "leaves:check", "-w", "1", *options]
    process = subprocess.Popen(
        [*words, "--store", str(tmp_path / "s")], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    left: list[psutil.Process] = []
    try:
        until(lambda: any(map(standing_still, _left_behind(process.pid))))
        left = _left_behind(process.pid)
        others = [child for child, _ in below(process.pid) if child not in left]
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        until(lambda: not any(map(is_alive, others)))
        assert not standing_still(left[0])
    finally:
        process.kill()
        process.wait()
        for child in left:
            child.kill()


def _left_behind(pid: int) -> list[psutil.Process]:
    return [child for child, words in below(pid) if "left behind" in words]
