"""What people install tools with: the command works, and runs a test in the project's own environment."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.package.conftest import ROOT
from tests.tools import environment, missing

pytestmark = pytest.mark.long  # each installs everything anew

EnvironmentWith = Callable[..., str]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose warnings are errors."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    (folder / "test_it.py").write_text("def test_it(): pass\n")
    return folder


def check(command: list[str], project: Path, **variables: str) -> None:
    """`command` is flakeproof: it tells its version, and runs a test with the pytest of this environment."""
    for words in (["--version"], ["run", "test_it.py", "-c", "2", "--python", sys.executable]):
        done = run([*command, *words], project, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "All 2 tests passed" in done.stdout


def run(words: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program in `folder`."""
    return subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def installed(words: list[str], folder: Path, **variables: str) -> None:
    """Run an installer; where it cannot reach the package index the test is skipped."""
    done = run(words, folder, **variables)
    if done.returncode:
        missing(f"{' '.join(words[:3])} could not install: {(done.stdout + done.stderr).strip()[-500:]}")


def test_pip_from_the_folder(project: Path, tmp_path: Path) -> None:
    """`pip install .`, with the build isolated as it is for users."""
    python = environment(tmp_path / "venv", str(ROOT))
    check([str(Path(python).with_name("flakeproof"))], project)


def test_pipx(wheel: str, environment_with: EnvironmentWith, project: Path, tmp_path: Path) -> None:
    """`pipx install`."""
    pipx = [environment_with("pipx", name="pipx"), "-m", "pipx"]
    homes = {"PIPX_HOME": str(tmp_path / "home"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    installed([*pipx, "install", wheel], project, **homes)
    check([str(tmp_path / "bin" / "flakeproof")], project)


def test_uv_tool(wheel: str, environment_with: EnvironmentWith, project: Path, tmp_path: Path) -> None:
    """`uv tool install`."""
    uv = str(Path(environment_with("uv", name="uv")).with_name("uv"))
    homes = {"UV_TOOL_DIR": str(tmp_path / "home"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    installed([uv, "tool", "install", "--python", sys.executable, wheel], project, **homes)
    check([str(tmp_path / "bin" / "flakeproof")], project)


def test_uvx(wheel: str, environment_with: EnvironmentWith, project: Path) -> None:
    """`uvx --from WHEEL flakeproof`, which installs nothing."""
    uvx = str(Path(environment_with("uv", name="uv")).with_name("uvx"))
    command = [uvx, "--python", sys.executable, "--from", wheel, "flakeproof"]
    installed([*command, "--version"], project)
    check(command, project)
