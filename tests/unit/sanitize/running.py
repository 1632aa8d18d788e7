"""Run a snippet in an interpreter of its own in which leaks are watched: what is patched there stays there."""

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

SOURCE = Path(__file__).parent.parent.parent.parent / "src"

_BEFORE = """
import sys
sys.path.insert(0, {source!r})
from flakeproof_worker.current import ALONE, RUNNING
from flakeproof_worker.sanitize import attribution
from flakeproof_worker.sanitize.watch import Leaks
from flakeproof_worker.sanitize.settle import settle, settle_async

def fail(*error):
    import os, traceback
    traceback.print_exception(*error)
    os._exit(1)  # what the snippet has left running must not hold it

sys.excepthook = fail
leaks = Leaks()
leaks.install()

def begin(trial):
    ALONE[0] = (trial, 0)

def what(trial):
    return sorted(left.sighting().what for left in leaks.leftovers(trial))

def tell(value):
    import json, os
    os.write(1, json.dumps(value).encode())
"""


def run(path: Path, snippet: str) -> Any:
    """What `snippet` has given to `tell`; it must end well and be silent on stderr."""
    script = path / "snippet.py"
    script.write_text(_BEFORE.format(source=str(SOURCE)) + dedent(snippet))
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", script],
        capture_output=True,
        text=True,
        cwd=path,
        env={"TMPDIR": str(path)},
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)
