"""Suggest what a user may have meant by a test, or a file of tests, that pytest does not find."""

import difflib
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from flakeproof.model import PytestTarget

_FILE = re.compile(r"(?:ERROR: )?file or directory not found: (.+)$")
_TEST = re.compile(r"(?:ERROR: )?not found: (.+?)::(.+)$")
_PATIENCE = 60.0
"""Seconds that pytest may take to collect the tests of a file."""
_SHOWN = 3
_FILES = 20_000
"""How many files at most are considered."""
_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages", "venv"})


def is_not_found(said: str) -> bool:
    """Whether pytest's complaint is about the name of a file or a test."""
    return any(_FILE.match(line) or _TEST.match(line) for line in said.removeprefix("pytest: ").splitlines())


def near_misses(said: str, target: PytestTarget) -> list[str]:
    """Names similar to those that pytest has not found, as `said` by it, relative to the folder of `target`."""
    found: list[str] = []
    for line in said.removeprefix("pytest: ").splitlines():
        if test := _TEST.match(line):
            found += _tests(test[1], _typed(test[1], test[2], target), target)
        elif file := _FILE.match(line):
            path, colons, name = file[1].partition("::")
            found += [f"{near}{colons}{name}" for near in _files(path, Path(target.folder))]
    return list(dict.fromkeys(found))


def _typed(file: str, name: str, target: PytestTarget) -> str:
    """`name` with its parameters as the user typed it; pytest's message leaves them out."""
    for argument in target.arguments:
        path, _, whole = argument.partition("::")
        if whole.partition("[")[0] == name and Path(target.folder, path).resolve() == Path(file).resolve():
            return whole
    return name


def _tests(file: str, name: str, target: PytestTarget) -> list[str]:
    """Tests of `file` like `name`: those with the same last part, else those spelled similarly, else the first."""
    path = os.path.relpath(file, target.folder)
    names = list(dict.fromkeys(_collected(path, target)))
    plain = list(dict.fromkeys(known.partition("[")[0] for known in names))
    last = name.partition("[")[0].rpartition("::")[2]
    near = [known for known in plain if known.rpartition("::")[2] == last]
    if "[" in name:
        near = difflib.get_close_matches(name, names, n=_SHOWN) or near
    near = near or difflib.get_close_matches(name, plain, n=_SHOWN, cutoff=0.7)
    near = near or [known for known in plain if difflib.get_close_matches(last, [known.rpartition("::")[2]])]
    return [f"{path}::{known}" for known in (near or plain)[:_SHOWN]]


def _collected(path: str, target: PytestTarget) -> Iterator[str]:
    """Names of the tests that pytest collects in `path`, without the name of the file."""
    words = ["--collect-only", "--color=no", "-p", "no:cacheprovider", "--verbosity=-1", path]
    environment = {**os.environ, **target.environment, "PYTHONDONTWRITEBYTECODE": "1"}
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            [target.python, "-m", "pytest", *target.options, *words],
            cwd=target.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
        for line in done.stdout.splitlines():
            file, colons, name = line.partition("::")
            if colons and Path(file).name == Path(path).name:
                yield name


def _files(name: str, folder: Path) -> list[str]:
    """Files and folders like `name`: those of that name in other folders, else those spelled similarly."""
    wanted = Path(name).name
    known = list(_python_files(folder))
    same = [path for path in known if Path(path).name == wanted]
    alike = difflib.get_close_matches(os.path.normpath(name), known, n=_SHOWN, cutoff=0.7)
    names = difflib.get_close_matches(wanted, {Path(path).name for path in known}, n=_SHOWN, cutoff=0.8)
    return (same or alike or [path for path in known if Path(path).name in names])[:_SHOWN]


def _python_files(folder: Path) -> Iterator[str]:
    """Python files and their folders below `folder`, relative to it."""
    seen = 0
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        here = Path(place)
        names = sorted(name for name in files if name.endswith(".py"))
        if names and here != folder:
            yield str(here.relative_to(folder))
        yield from (str((here / name).relative_to(folder)) for name in names)
        seen += len(files)
        if seen > _FILES:
            return
