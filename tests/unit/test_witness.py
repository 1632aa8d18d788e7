"""What a trial is seen to call; each in a process of its own, because what listens is not taken away again."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import flakeproof_worker

CODE = """
import random, threading, time, uuid
def draw():
    return [random.random() for _ in range(2)]
def names():
    return {"a", "b"}
def look(path):
    held = names()
    time.time()
    time.perf_counter()
    uuid.uuid4()
    random.Random(1).random()
    open(path, "w").close()
    open(path).close()
    thread = threading.Thread(target=draw)
    thread.start()
    thread.join()
    thread.join(5)
"""


def seen(folder: Path) -> list[dict[str, Any]]:
    """What is seen of that code."""
    (folder / "theirs.py").write_text(CODE)
    script = (
        "import sys, theirs\n"
        "from flakeproof_worker.call_recorder import Witness\n"
        "with Witness(sys.argv[1], 7):\n"
        "    theirs.look(sys.argv[1] + '/file')\n"
        "theirs.draw()\n"
    )
    source = str(Path(flakeproof_worker.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": f"{source}:{folder}"}
    subprocess.run([sys.executable, "-c", script, str(folder)], env=environment, check=True, timeout=30)
    found: list[dict[str, Any]] = json.loads((folder / "7.json").read_bytes())
    return found


def test_what_is_seen(tmp_path: Path) -> None:
    """The line of the user's code, its function, what it called, and in which thread."""
    found = {(one["kind"], one["line"], one["function"], one["what"], one["thread"]) for one in seen(tmp_path)}
    assert found == {
        ("ran", 7, "look", "", 0),
        ("ran", 5, "names", "", 0),
        ("gives", 5, "names", "names", 0),
        ("set", 7, "look", "held", 0),
        ("clock", 9, "look", "time", 0),
        ("limit", 18, "look", "Thread.join 5 s", 0),
        ("stopwatch", 10, "look", "perf_counter", 0),
        ("entropy", 11, "look", "uuid.uuid4", 0),
        ("entropy", 11, "look", "urandom", 0),
        ("entropy", 12, "look", "random.__init__", 0),
        ("entropy", 12, "look", "Random.random", 0),
        ("open", 13, "look", f"{tmp_path}/file", 0),
        ("thread", 16, "look", "threading", 0),
        ("ran", 3, "draw", "", 1),
        ("ran", 4, "draw", "", 1),
        ("random", 4, "draw", "Random.random", 1),
    }
