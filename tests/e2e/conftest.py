"""A project as a user has one, and the command run in it as a user runs it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.e2e.warm import Warm

Flakeproof = Callable[..., subprocess.CompletedProcess[str]]

_TARGETS = """
import asyncio, os, random, signal, time, unittest

def passes(): pass

async def passes_async(): await asyncio.sleep(0)

def fails(): raise RuntimeError("no")

def fails_at_17():
    from flakeproof import current_trial
    if current_trial().number == 17:
        print("seen before the end")
        raise ValueError("seventeen")

def flaky():
    if random.random() < 0.2:
        raise ValueError("boom 17")

def tells_its_seed():
    from flakeproof import current_trial
    raise ValueError(f"seed {current_trial().seed} random {random.random()}")

def tells_hash_order():
    from flakeproof import current_trial
    if current_trial().number == 1:
        os._exit(3)
    raise ValueError(f"order {hash('x')}")

def skips(): raise unittest.SkipTest("not here")

def skips_half():
    from flakeproof import current_trial
    if current_trial().number % 2:
        raise unittest.SkipTest("not here")
    if current_trial().number == 4:
        raise ValueError("four")

def dies(): os._exit(3)

def waits(): time.sleep(60)

def naps(): time.sleep(0.005)

def interrupts():
    from flakeproof import current_trial
    if current_trial().number == 3:
        os.kill(os.getppid(), signal.SIGINT)
        time.sleep(60)

def terminates():
    from flakeproof import current_trial
    if current_trial().number == 3:
        os.kill(os.getppid(), signal.SIGTERM)
        time.sleep(60)

def not_text(): raise ValueError("bad \\udcff byte")

def wants(argument): pass

VALUE = 3

class Group:
    @staticmethod
    def passes(): pass
"""
_MODULES = {
    "targets": _TARGETS,
    "broken": "import no_such_module_anywhere\n",
    "exits": "import sys\nsys.exit(0)\n",
    "stops": "raise KeyboardInterrupt\n",
    "unwritten": "def f(:\n",
    "dies": "import os\nos._exit(7)\n",
}
_KEPT = {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_STATE_HOME", "COVERAGE_PROCESS_START"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with modules to run."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text("")
    for name, text in _MODULES.items():
        (folder / f"{name}.py").write_text(text)
    return folder


@pytest.fixture
def environment() -> dict[str, str]:
    """An environment without settings of ours, and without a terminal or CI."""
    return _environment()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in _KEPT}


@pytest.fixture
def few_plugins(environment: dict[str, str]) -> None:
    """No pytest loads the plugins that happen to be installed, which takes half of its start."""
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """An interpreter that has imported flakeproof."""
    interpreter = Warm(_environment())
    yield interpreter
    interpreter.close()


@pytest.fixture
def flakeproof(project: Path, environment: dict[str, str], warm: Warm) -> Flakeproof:
    """Run the command in the project; `env` adds to the environment, `cwd` is another folder, `limit` is in seconds.

    In a fork of an interpreter that has imported it, where a fork can have that environment.
    """

    def run(
        *arguments: str, env: dict[str, str] | None = None, cwd: Path | None = None, limit: float = 300
    ) -> subprocess.CompletedProcess[str]:
        variables = {**environment, **(env or {})}
        if warm.suits(variables):
            return warm.run(arguments, cwd or project, variables, limit)
        return subprocess.run(
            [sys.executable, "-m", "flakeproof", *arguments],
            cwd=cwd or project,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )

    return run
