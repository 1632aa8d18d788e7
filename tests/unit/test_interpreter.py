"""Which Python is taken: environments of every kind, made as they lie on disk; nothing is installed."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from flakeproof.errors import UsageError
from flakeproof.targets import interpreter
from flakeproof.targets.interpreter import choose


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a project and a repository around it, so that nothing above it is looked at."""
    folder = tmp_path / "shop"
    (folder / "src" / "shop").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / "pyproject.toml").write_text('[project]\nname = "shop"\n')
    return folder


def make(prefix: Path, *, has_pytest: bool = True, closed: bool = True) -> str:
    """An environment in `prefix`; path of its interpreter, which says of itself whether it has pytest."""
    python = prefix / "bin" / "python"
    packages = prefix / "lib" / "python3.12" / "site-packages"
    python.parent.mkdir(parents=True)
    packages.mkdir(parents=True)
    script(python, f"echo started >> {prefix}/started; exit {int(not has_pytest)}")
    if closed:
        (prefix / "pyvenv.cfg").write_text("include-system-site-packages = false\n")
        if has_pytest:
            (packages / "pytest").mkdir()
    return str(python)


def script(path: Path, text: str) -> None:
    """An executable file."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def taken(
    folder: Path, variables: Mapping[str, str] | None = None, *, for_tests: bool = True, path: str = "/nowhere"
) -> tuple[str, str]:
    """The interpreter that is chosen in `folder`, and why."""
    found = choose(None, folder, {"PATH": path, **(variables or {})}, for_tests=for_tests)
    return found.path, found.why


@pytest.mark.parametrize(
    ("prefix", "why"),
    [
        (".venv", ".venv in this folder"),
        ("venv", "venv in this folder"),
        (".pixi/envs/default", "the default environment of pixi"),
        (".tox/py312", "the environment py312 of tox"),
        (".nox/tests-3-12", "the environment tests-3-12 of nox"),
    ],
)
def test_an_environment_of_the_project(prefix: str, why: str, project: Path) -> None:
    """Also from a subfolder; no interpreter is started where the folders tell."""
    python = make(project / prefix)
    assert taken(project) == (python, why)
    found, why = taken(project / "src" / "shop")
    assert found == python
    assert not (project / prefix / "started").exists()


def test_the_nearest_project_comes_first_and_the_workspace_last(project: Path) -> None:
    """A member of a workspace without an environment of its own has that of the workspace."""
    member = project / "packages" / "till"
    member.mkdir(parents=True)
    (member / "setup.cfg").touch()
    of_all = make(project / ".venv")
    assert taken(member) == (of_all, f".venv in {project}")
    own = make(member / "venv")
    assert taken(member)[0] == own


def test_what_is_active_comes_before_the_project(project: Path, tmp_path: Path) -> None:
    """A virtual environment, then conda's; its base, which is active without being asked for, comes after."""
    own, virtual, conda = make(project / ".venv"), make(tmp_path / "virtual"), make(tmp_path / "conda", closed=False)
    variables = {"VIRTUAL_ENV": str(tmp_path / "virtual"), "CONDA_PREFIX": str(tmp_path / "conda")}
    assert taken(project, variables) == (virtual, "the active virtual environment")
    del variables["VIRTUAL_ENV"]
    assert taken(project, variables) == (conda, "the active conda environment")
    variables["CONDA_DEFAULT_ENV"] = "base"
    assert taken(project, variables) == (own, ".venv in this folder")
    (project / ".venv" / "bin" / "python").unlink()
    assert taken(project, variables) == (conda, "the base environment of conda")


def test_an_active_environment_that_is_our_own_tells_nothing(project: Path) -> None:
    """flakeproof's own environment may be active; the project's comes first, and our own at last."""
    assert taken(project, {"VIRTUAL_ENV": sys.prefix}) == (sys.executable, "flakeproof's own")
    python = make(project / ".venv")
    assert taken(project, {"VIRTUAL_ENV": sys.prefix}) == (python, ".venv in this folder")


def test_the_environment_of_uv(project: Path) -> None:
    """Relative to the project."""
    python = make(project / ".env-of-uv")
    make(project / ".venv")
    assert taken(project / "src", {"UV_PROJECT_ENVIRONMENT": ".env-of-uv"}) == (python, "UV_PROJECT_ENVIRONMENT")


def test_the_environment_of_pdm(project: Path, tmp_path: Path) -> None:
    """Its file names the interpreter."""
    python = make(tmp_path / "of-pdm")
    (project / ".pdm-python").write_text(f"{python}\n")
    assert taken(project) == (python, "the environment of pdm")


@pytest.mark.parametrize(
    ("manager", "file", "text", "question"),
    [
        ("poetry", "poetry.lock", "", "env info -p"),
        ("hatch", "hatch.toml", "", "env find"),
        ("hatch", "pyproject.toml", "[tool.hatch.envs.default]\n", "env find"),
    ],
)
def test_managers_are_asked(
    manager: str, file: str, text: str, question: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only those that the project uses, and that are there."""
    python = make(tmp_path / "elsewhere")
    (tmp_path / "bin").mkdir()
    script(tmp_path / "bin" / manager, f'[ "$*" = "{question}" ] && echo {tmp_path}/elsewhere')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert taken(project)[0] == sys.executable
    (project / file).write_text(text)
    assert taken(project) == (python, f"the environment of {manager}")
    script(tmp_path / "bin" / manager, "exit 1")
    assert taken(project)[0] == sys.executable


def test_python_on_the_path(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One in an environment; any other only where our own cannot run tests."""
    virtual, bare = make(tmp_path / "virtual"), make(tmp_path / "usr", closed=False)
    assert taken(project, path=f"{tmp_path}/virtual/bin") == (virtual, "python on the PATH")
    assert taken(project, path=f"{tmp_path}/usr/bin")[0] == sys.executable
    monkeypatch.setattr(interpreter, "_own_has_pytest", lambda: False)
    assert taken(project, path=f"{tmp_path}/usr/bin") == (bare, "python on the PATH")


def test_what_has_no_pytest_is_passed_over_and_said(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For tests only; where nothing has it, the error is to be about what the user would expect."""
    without = make(tmp_path / "virtual", has_pytest=False)
    assert taken(project, {"VIRTUAL_ENV": str(tmp_path / "virtual")}) == (
        sys.executable,
        "flakeproof's own; the active virtual environment has no pytest",
    )
    python = make(project / ".venv")
    assert taken(project, {"VIRTUAL_ENV": str(tmp_path / "virtual")}) == (
        python,
        ".venv in this folder; the active virtual environment has no pytest",
    )
    assert taken(project, {"VIRTUAL_ENV": str(tmp_path / "virtual")}, for_tests=False)[0] == without
    (project / ".venv" / "bin" / "python").unlink()
    monkeypatch.setattr(interpreter, "_own_has_pytest", lambda: False)
    assert taken(project, {"VIRTUAL_ENV": str(tmp_path / "virtual")}) == (without, "the active virtual environment")


def test_packages_from_elsewhere_are_asked_for(project: Path) -> None:
    """An environment that inherits packages, and one with a path file, may have pytest without a folder of its own."""
    python = make(project / ".venv", closed=False)
    (project / ".venv" / "pyvenv.cfg").write_text("include-system-site-packages = true\n")
    assert taken(project)[0] == python
    assert (project / ".venv" / "started").exists()


def test_what_is_asked_for_must_be_there(project: Path) -> None:
    """As a path from this folder or a name on the PATH; nothing else is looked at."""
    python = make(project / "own")
    make(project / ".venv")
    assert choose("own/bin/python", project, {}).path == python
    with pytest.raises(UsageError, match=r"--python nowhere/python: no such program"):
        choose("nowhere/python", project, {})
