"""A Python that is too old says so in a sentence, which takes a start file that it can read."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import flakeproof_worker
from flakeproof.engine.messages import Unloadable, decode

START = Path(flakeproof_worker.__file__).parent / "__main__.py"


def test_an_old_python_can_read_it() -> None:
    """No annotations, no f-strings, no names that 2.7 does not have at import."""
    tree = ast.parse(START.read_text(), feature_version=(3, 4))
    new = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Nonlocal)
    assert not [node for node in ast.walk(tree) if isinstance(node, new)]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None
            assert not [argument for argument in node.args.args if argument.annotation is not None]
    imports = [name.name for node in tree.body if isinstance(node, ast.Import) for name in node.names]
    assert imports == ["os", "sys"]


def test_it_tells_the_coordinator() -> None:
    """In the coordinator's language, with both versions."""
    reading, writing = os.pipe()
    code = (
        "import runpy, sys\n"
        "sys.version_info = (3, 8, 18)\n"
        f"sys.argv = ['flakeproof_worker', '{writing}', '0']\n"
        f"runpy.run_path({str(START)!r}, run_name='__main__')\n"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, pass_fds=[writing], capture_output=True, text=True, timeout=30, check=False)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        message = decode(pipe.read())
    assert isinstance(message, Unloadable)
    assert message.kind == "old"
    assert (
        message.message == f"{sys.executable} is Python 3.8.18; tests need Python 3.11 or later to run under flakeproof"
    )
    assert done.stderr.strip() == message.message
    assert done.returncode == 1
