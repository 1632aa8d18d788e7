"""flakeproof as users get it: built, and installed from what was built."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from tests.tools import missing

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and the wheel that was built from that."""
    for name in ("build", "hatchling"):
        if importlib.util.find_spec(name) is None:
            missing(f"{name} is not installed for {sys.executable}")
    folder = tmp_path_factory.mktemp("dist")
    words = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def wheel(built: Path) -> str:
    """Path of the wheel."""
    (found,) = built.glob("*.whl")
    return str(found)


@pytest.fixture(scope="session")
def sdist(built: Path) -> str:
    """Path of the source distribution."""
    (found,) = built.glob("*.tar.gz")
    return str(found)
