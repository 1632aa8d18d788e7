"""Programs and environments that some tests need and not every machine has."""

import os
import shutil
import subprocess
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

import pytest

_FOLDERS = [Path("/usr/local/go/bin"), Path.home() / ".cargo" / "bin"]
"""Where programs are that their installers do not put on the PATH."""


def needed(program: str) -> str:
    """Path of `program`. Without it the test is skipped; with FLAKEPROOF_REQUIRE_ALL=1 it fails."""
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, _FOLDERS)])
    found = shutil.which(program, path=search)
    if found is None:
        missing(f"{program} is not installed")
    return found


def missing(reason: str) -> NoReturn:
    """Skip the test for `reason`; with FLAKEPROOF_REQUIRE_ALL=1 fail it."""
    if os.environ.get("FLAKEPROOF_REQUIRE_ALL") == "1":
        pytest.fail(f"{reason}, and FLAKEPROOF_REQUIRE_ALL is set", pytrace=False)
    pytest.skip(reason)


def mostly_long(
    names: str | tuple[str, ...], cases: Iterable[Any], *, first: int, ids: list[str] | None = None
) -> pytest.MarkDecorator:
    """As `pytest.mark.parametrize`, where the `first` so many cases always run and the others are long.

    For tables of which each row starts a process and goes the same way through it.
    """
    kept, is_alone = list(cases), isinstance(names, str) and "," not in names
    for place, case in enumerate(kept):
        if place >= first and not isinstance(case, type(pytest.param())):
            kept[place] = pytest.param(*([case] if is_alone else case), marks=pytest.mark.long)
        elif place >= first:
            kept[place] = pytest.param(*case.values, id=case.id, marks=[*case.marks, pytest.mark.long])
    return pytest.mark.parametrize(names, kept, ids=ids)


def environment(folder: Path, *requirements: str, python: str = sys.executable) -> str:
    """Make a virtual environment with `requirements` in `folder`; path of its interpreter.

    Without a network the test is skipped, as for a program that is missing.
    """
    made = str(folder / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", made, "install", "--quiet", "--disable-pip-version-check"]
    for words in ([python, "-m", "venv", "--without-pip", str(folder)], [*pip, *requirements]):
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
        if "ResolutionImpossible" in done.stderr:
            pytest.fail(f"these do not go together: {done.stderr}", pytrace=False)
        if done.returncode:
            missing(f"no environment with {', '.join(requirements)}: {done.stderr.strip()[-500:]}")
    return made


def other_python(suits: Callable[[tuple[int, int]], bool]) -> str:
    """Path of a Python whose version is not ours and suits; skips the test where there is none.

    That is so with FLAKEPROOF_REQUIRE_ALL, too: a machine need not have several.
    """
    names = [f"python3.{minor}" for minor in range(8, 20)]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    candidates = [found for name in names if (found := shutil.which(name))]
    candidates += [str(path) for path in sorted(pyenv.glob("3.*/bin/python"))]
    for candidate in candidates:
        code = "import sys; print(*sys.version_info[:2])"
        done = subprocess.run([candidate, "-c", code], capture_output=True, text=True, timeout=30, check=False)
        if done.returncode:  # one of pyenv's that leads nowhere
            continue
        major, minor = map(int, done.stdout.split())
        if (major, minor) != sys.version_info[:2] and suits((major, minor)):
            return candidate
    pytest.skip("this machine has no other Python that suits")


NEIGHBOURS = (
    "pytest-asyncio==1.5.0",
    "pytest-cov==7.1.0",
    "pytest-randomly==5.1.0",
    "pytest-repeat==0.9.4",
    "pytest-rerunfailures==16.7",
    "pytest-timeout==2.4.0",
    "pytest-xdist==3.8.0",
)
"""Plugins of pytest's that change where, how often and in which order tests run."""


def as_nobody(work: Callable[[], None], folder: Path) -> None:
    """Call `work` in `folder` in a fork of this process that has no rights of root; fails where `work` raises."""
    child = os.fork()
    if not child:
        try:
            os.chdir(folder)  # now: nobody may not get there
            if os.geteuid() == 0:
                os.setgroups([])
                os.setresgid(_NOBODY, _NOBODY, _NOBODY)
                os.setresuid(_NOBODY, _NOBODY, _NOBODY)
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


_NOBODY = 65534


def in_own_mounts(script: str, folder: Path) -> str:
    """Run the Python `script` in `folder` where what it mounts is seen by nobody else; what it prints.

    Skips the test where we may not mount anything.
    """
    alone = [needed("unshare"), "--mount", "--propagation", "private"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        missing("nothing may be mounted here")
    done = subprocess.run(
        [*alone, sys.executable, "-c", textwrap.dedent(script)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
