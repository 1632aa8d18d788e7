"""Choose the Python that has the user's code: given, active, the project's own, on the PATH, or flakeproof's."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flakeproof.errors import UsageError

_PROJECT_FILES = ("pyproject.toml", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg")
_PATIENCE = 20.0
"""Seconds that another program may take to print the folder of an environment."""


@dataclass(frozen=True)
class Interpreter:
    """An interpreter, and why it was chosen."""

    path: str
    why: str
    """Where it was found, and what was passed over before it; for people."""


@dataclass(frozen=True)
class _Candidate:
    """An environment that may have the user's code."""

    python: Path
    where: str
    """Where it was found, for people."""


def choose(asked: str | None, folder: Path, environment: Mapping[str, str], *, for_tests: bool = False) -> Interpreter:
    """The interpreter `asked` for, else that of the first environment that exists, else flakeproof's own.

    With `for_tests`, environments without pytest are passed over, and named in `why`. docs/pytest.md has the order.
    Raises UsageError if `asked` is no executable file.
    """
    if asked is not None:
        found = shutil.which(asked if os.sep not in asked else str(folder / asked))
        if found is None:
            raise UsageError(f"--python {asked}: no such program", "give the path of a Python interpreter")
        return Interpreter(found, "--python")
    passed_over: list[_Candidate] = []
    for candidate in _candidates(folder, environment, for_tests=for_tests):
        if not for_tests or _has_pytest(candidate.python):
            return Interpreter(str(candidate.python), _why(candidate.where, passed_over))
        if candidate.python not in [one.python for one in passed_over]:
            passed_over.append(candidate)
    if passed_over and not _own_has_pytest():
        first = passed_over[0]  # so that the error about pytest names the interpreter that the user expects
        return Interpreter(str(first.python), first.where)
    return Interpreter(sys.executable, _why("flakeproof's own", passed_over))


def _why(where: str, passed_over: list[_Candidate]) -> str:
    """Where the interpreter was found, and why the environments before it were not taken."""
    return "; ".join([where, *(f"{one.where} has no pytest" for one in passed_over)])


def _candidates(folder: Path, environment: Mapping[str, str], *, for_tests: bool) -> Iterator[_Candidate]:
    """Existing environments except flakeproof's own, the likeliest first; other programs are called late."""
    roots = _roots(folder)
    conda = environment.get("CONDA_PREFIX", "")
    is_base = environment.get("CONDA_DEFAULT_ENV") == "base"  # often activated without the user's intention
    yield from _in_prefix(environment.get("VIRTUAL_ENV", ""), folder, "the active virtual environment")
    if not is_base:
        yield from _in_prefix(conda, folder, "the active conda environment")
    if chosen := environment.get("UV_PROJECT_ENVIRONMENT"):
        for root in roots:
            yield from _in_prefix(chosen, root, "UV_PROJECT_ENVIRONMENT")
    for home in dict.fromkeys((folder, *roots)):
        for name in (".venv", "venv"):
            yield from _in_prefix(name, home, f"{name} in {'this folder' if home == folder else home}", may_be_own=True)
    for root in roots:
        yield from _in_prefix(".pixi/envs/default", root, "the default environment of pixi")
        yield from _of_project_managers(root)
        for tool in ("tox", "nox") if for_tests else ():
            for prefix in _newest_first(root / f".{tool}"):
                yield from _in_prefix(str(prefix), root, f"the environment {prefix.name} of {tool}")
    if is_base:
        yield from _in_prefix(conda, folder, "the base environment of conda")
    if for_tests:
        yield from _on_path(environment)


def _roots(folder: Path) -> list[Path]:
    """Folders at or above `folder` that have the files of a project, up to the repository's root; else `folder`."""
    found = []
    for place in (folder, *folder.resolve().parents):
        if any((place / name).is_file() for name in _PROJECT_FILES):
            found.append(place)
        if (place / ".git").exists():
            break
    return found or [folder]


def _in_prefix(prefix: str, folder: Path, where: str, *, may_be_own: bool = False) -> Iterator[_Candidate]:
    """The interpreter of the environment in `prefix`, if it exists; flakeproof's own only with `may_be_own`."""
    python = Path(folder, prefix, "bin", "python")
    if prefix and os.access(python, os.X_OK) and (may_be_own or not _is_own(python)):
        yield _Candidate(python, where)


def _is_own(python: Path) -> bool:
    with suppress(OSError):
        return python.parent.parent.resolve() == Path(sys.prefix).resolve()
    return False


def _of_project_managers(root: Path) -> Iterator[_Candidate]:
    """Environments outside the project that a project manager knows, if the project uses that manager."""
    with suppress(OSError, UnicodeDecodeError):
        python = Path(root, (root / ".pdm-python").read_text(encoding="utf-8").strip())
        if os.access(python, os.X_OK) and not python.is_dir():
            yield _Candidate(python, "the environment of pdm")
    if (root / "poetry.lock").is_file():
        yield from _printed_by("poetry", ["env", "info", "-p"], root)
    with suppress(OSError, UnicodeDecodeError):
        if (root / "hatch.toml").is_file() or "[tool.hatch" in (root / "pyproject.toml").read_text(encoding="utf-8"):
            yield from _printed_by("hatch", ["env", "find"], root)


def _printed_by(manager: str, question: list[str], root: Path) -> Iterator[_Candidate]:
    """The environment whose folder `manager` prints."""
    program = shutil.which(manager)
    if program is None:
        return
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            [program, *question],
            cwd=root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        for line in done.stdout.splitlines() if not done.returncode else ():
            yield from _in_prefix(line.strip(), root, f"the environment of {manager}")


def _newest_first(folder: Path) -> list[Path]:
    """The environments in `folder`; the most recently changed one comes first."""
    with suppress(OSError):
        found = [path for path in folder.iterdir() if (path / "pyvenv.cfg").is_file()]
        return sorted(found, key=lambda path: (-path.stat().st_mtime_ns, path.name))
    return []


def _on_path(environment: Mapping[str, str]) -> Iterator[_Candidate]:
    """`python` on the PATH, if it is in an environment, or if flakeproof's own Python has no pytest."""
    for name in ("python", "python3"):
        found = shutil.which(name, path=environment.get("PATH", os.defpath))
        if found is None or _is_own(Path(found)):
            continue
        prefix = Path(found).parent.parent
        if (prefix / "pyvenv.cfg").is_file() or (prefix / "conda-meta").is_dir() or not _own_has_pytest():
            yield _Candidate(Path(found), f"{name} on the PATH")


def _own_has_pytest() -> bool:
    return importlib.util.find_spec("pytest") is not None


def _has_pytest(python: Path) -> bool:
    """Whether pytest is installed for `python`, which is started only if its folders do not show it."""
    prefix = python.parent.parent
    folders = [*prefix.glob("lib*/python3*/site-packages"), *prefix.glob("lib/python3/dist-packages")]
    if any((folder / "pytest").is_dir() or any(folder.glob("pytest-*.dist-info")) for folder in folders):
        return True
    return not (folders and _is_closed(prefix, folders)) and _says_pytest(str(python))


def _is_closed(prefix: Path, folders: list[Path]) -> bool:
    """Whether a virtual environment imports nothing from other folders."""
    with suppress(OSError, UnicodeDecodeError):
        configuration = (prefix / "pyvenv.cfg").read_text(encoding="utf-8").lower()
        inherits = "include-system-site-packages = true" in configuration
        return not inherits and not any(next(folder.glob("*.pth"), None) for folder in folders)
    return False


def _says_pytest(python: str) -> bool:
    """Whether the interpreter itself finds pytest."""
    question = "import importlib.util, sys; sys.exit(importlib.util.find_spec('pytest') is None)"
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            [python, "-c", question], stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False
        )
        return not done.returncode
    return False
