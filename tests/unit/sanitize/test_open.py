"""The `open` that tells of descriptors is `open` in everything else."""

import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = """
import io, itertools, sys, warnings
original = io.open
from flakeproof_worker.sanitize.descriptors import calls
from flakeproof_worker.sanitize.descriptors.table import OwnerTable
calls.watch_files(OwnerTable(print, lambda: (0, ""), lambda skip: ()))
assert open is io.open is not original
warnings.simplefilter("error")

def layers(function, *args, **kwargs):
    try:
        file = function(*args, **kwargs)
    except Exception as error:
        return type(error).__name__, str(error)
    found = []
    with file:
        layer = file
        while layer is not None:
            raw = isinstance(layer, io.FileIO)
            found.append("FileIO" if raw else type(layer).__name__)
            found.append(layer.mode if hasattr(layer, "mode") else "")
            for name in ("encoding", "errors", "line_buffering", "newlines"):
                found.append(getattr(layer, name, None))
            layer = getattr(layer, "buffer", None) or getattr(layer, "raw", None)
        if file.writable():
            file.write(b"x" if "b" in str(args[1:2]) else "x")
        found.append(repr(file))
    with original(path, "rb") as file:
        found.append(file.read())
    return found

path = sys.argv[1]
modes = "r rt rb r+ rb+ w wb w+b wt a ab a+ x xb rw bt z rr br U".split() + ["", 3]
compared = 0
for mode, buffering in itertools.product(modes, (-1, 0, 1, 2, 100, -2)):
    for named in ({}, {"encoding": "latin-1"}, {"newline": ""}, {"errors": "ignore"}, {"newline": "bad"}):
        results = []
        for function in (original, open):
            original(path, "w").close()
            results.append(layers(function, path, mode, buffering, **named))
        assert results[0] == results[1], (mode, buffering, named, results)
        compared += 1
for bad in (path + "/no", "/", -1, 10**9, None, 3.5, b"\\0"):
    assert layers(original, bad) == layers(open, bad), bad
print(compared)
"""


def test_it_is_the_same(tmp_path: Path) -> None:
    """Layers, modes, errors and what is written, for all modes and bufferings."""
    ended = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(tmp_path / "file")], capture_output=True, text=True, check=False, timeout=60
    )

    assert (ended.stderr, ended.returncode) == ("", 0)
    assert int(ended.stdout) > 600


@pytest.mark.parametrize("code", ["import shutil; assert shutil.rmtree.avoids_symlink_attacks"])
def test_the_standard_library_still_knows_its_functions(code: str) -> None:
    """What asks whether a function is in `os.supports_dir_fd` gets the same answer."""
    watched = "from flakeproof_worker.sanitize.descriptors import calls\n" + (
        "from flakeproof_worker.sanitize.descriptors.table import OwnerTable\n"
        "calls.watch_numbers(OwnerTable(print, lambda: (0, ''), lambda skip: ()))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", watched + code], capture_output=True, text=True, check=False, timeout=60
    )

    assert (ended.stderr, ended.returncode) == ("", 0)
