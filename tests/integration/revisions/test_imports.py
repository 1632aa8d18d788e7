"""An interpreter that has the project installed in place imports the checkout's code when it is asked to."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flakeproof.errors import CannotRunError
from flakeproof.revisions.imports import copies_of, first_on, paths_for

FINDER = """
import sys
from importlib.machinery import PathFinder
from importlib.util import spec_from_file_location
from itertools import chain
from pathlib import Path
MAPPING = {mapping!r}
NAMESPACES = {namespaces!r}
PATH_PLACEHOLDER = '__editable__.project-1.0.finder.__path_hook__'
class _EditableFinder:
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        for package, place in MAPPING.items():
            if fullname == package:
                init = Path(place, '__init__.py')
                for file in (init, Path(place).with_suffix('.py')):
                    if file.exists():
                        return spec_from_file_location(fullname, file)
class _EditableNamespaceFinder:
    @classmethod
    def _path_hook(cls, path):
        if path == PATH_PLACEHOLDER:
            return cls
        raise ImportError
    @classmethod
    def find_spec(cls, fullname, target=None):
        if fullname in NAMESPACES:
            spec = PathFinder.find_spec('none', path=[])
            from importlib.machinery import ModuleSpec
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [*NAMESPACES[fullname], PATH_PLACEHOLDER]
            return spec
def install():
    sys.meta_path.{place}_EditableFinder)
    if NAMESPACES:
        sys.path_hooks.append(_EditableNamespaceFinder._path_hook)
        sys.path.append(PATH_PLACEHOLDER)
"""
"""What setuptools writes, without its comments."""


PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "project"
version = "1.0"
[tool.setuptools]
"""
PLACES = 'packages = ["lib"]'
Environments = Callable[..., str]


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """A virtual environment; it is where users have it, in the project."""
    folder = tmp_path / "project" / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=120)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The project."""
    return write(tmp_path / "project", "root")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The other revision of it."""
    return write(tmp_path / "temporary" / "checkout", "checkout")


def write(folder: Path, where: str) -> Path:
    """Code that says where it is from."""
    for name in (
        "flat.py",
        "src/package/__init__.py",
        "src/package/part.py",
        "src/module.py",
        "src/space/inner/__init__.py",
        "lib/__init__.py",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"where = {where!r}\n")
    return folder


def site(venv: Path) -> Path:
    """Where packages are installed."""
    return next(venv.glob("lib/python*/site-packages"))


def install_finder(
    venv: Path,
    mapping: dict[str, Path],
    namespaces: dict[str, list[Path]] | None = None,
    place: str = "append(",
) -> None:
    """Install as setuptools does with -e."""
    texts = {name: str(path) for name, path in mapping.items()}
    more = {name: [str(path) for path in paths] for name, paths in (namespaces or {}).items()}
    module = "__editable___project_1_0_finder"
    text = FINDER.replace("{mapping!r}", repr(texts)).replace("{namespaces!r}", repr(more)).replace("{place}", place)
    (site(venv) / f"{module}.py").write_text(text)
    (site(venv) / "__editable__.project-1.0.pth").write_text(f"import {module}; {module}.install()\n")


def origin(python: Path, paths: list[str], module: str, folder: Path) -> str:
    """From where `module` comes."""
    environment = {**os.environ, "PYTHONPATH": first_on(paths, os.environ), "PYTHONDONTWRITEBYTECODE": "1"}
    words = [str(python), "-P" if sys.version_info >= (3, 11) else "-s", "-c", f"import {module} as m; print(m.where)"]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def test_nothing_installed(venv: Path, root: Path, checkout: Path) -> None:
    """Its own packages are left alone, although they are in the project; so is what is elsewhere."""
    (site(venv) / "other.pth").write_text(f"{checkout.parent}\n")
    (site(venv) / "dependency.py").touch()
    assert paths_for(str(venv / "bin" / "python"), root, checkout) == []


@pytest.mark.parametrize(("entry", "module"), [("src", "package.part"), (".", "flat"), ("src", "space.inner")])
def test_a_path_file(venv: Path, root: Path, checkout: Path, entry: str, module: str) -> None:
    """As pip leaves it for a src layout; an entry may be the project itself, and a package a namespace."""
    (site(venv) / "__editable__.project-1.0.pth").write_text(f"{root / entry}\n")
    python = venv / "bin" / "python"
    assert origin(python, [], module, checkout) == "root"
    paths = paths_for(str(python), root, checkout)
    assert paths == [str(checkout / entry)]
    assert origin(python, paths, module, checkout) == "checkout"


def test_a_variable(venv: Path, root: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PYTHONPATH counts, relative to the user's folder; links are followed."""
    (root.parent / "link").symlink_to(root)
    monkeypatch.setenv("PYTHONPATH", f"../lib:{root.parent / 'link'}:{root.parent}")
    paths = paths_for(str(venv / "bin" / "python"), root, checkout, root / "src")
    assert paths == [str(checkout / "lib"), str(checkout)]


@pytest.mark.parametrize("module", ["package", "package.part", "module", "space.inner"])
def test_a_finder(venv: Path, root: Path, checkout: Path, module: str) -> None:
    """The finder of setuptools maps names to places."""
    source = root / "src"
    install_finder(
        venv,
        {"package": source / "package", "module": source / "module", "space.inner": source / "space" / "inner"},
        {"space": [source / "space"]},
    )
    python = venv / "bin" / "python"
    assert origin(python, [], module, checkout) == "root"
    paths = paths_for(str(python), root, checkout)
    assert paths == [str(checkout / "src")]
    assert origin(python, paths, module, checkout) == "checkout"


@pytest.mark.parametrize(
    ("name", "path", "place"), [("package", "lib", "append("), ("package", "src/package", "insert(0, ")]
)
def test_what_no_path_can_change(venv: Path, root: Path, checkout: Path, name: str, path: str, place: str) -> None:
    """A package in a folder of another name, or a finder that comes first: that is said instead of going on."""
    install_finder(venv, {name: root / path}, place=place)
    with pytest.raises(CannotRunError, match=r"both sides would import the code in .* \(package\)") as caught:
        paths_for(str(venv / "bin" / "python"), root, checkout)
    assert "without -e" in caught.value.remedy
    # Where the other revision does not have it at all, there is nothing to confuse.
    shutil.rmtree(checkout / path)
    paths_for(str(venv / "bin" / "python"), root, checkout)


@pytest.mark.long
@pytest.mark.parametrize("layout", ["src", "."])
def test_setuptools(root: Path, checkout: Path, layout: str, environment_with: Environments) -> None:
    """What pip and setuptools really install, a .pth file or a finder."""
    python = environment_with("setuptools==80.9.0", name="editable")
    (root / "pyproject.toml").write_text(PROJECT + {"src": 'packages.find.where = ["src"]', ".": PLACES}[layout])
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-index", "--no-build-isolation", "--no-deps", "-e", str(root)], check=True, timeout=120)
    module = {"src": "package", ".": "lib"}[layout]
    assert origin(Path(python), [], module, checkout) == "root"
    paths = paths_for(python, root, checkout)
    assert paths == [str(checkout / layout)]
    assert origin(Path(python), paths, module, checkout) == "checkout"


def test_an_installed_copy(venv: Path, root: Path) -> None:
    """A copy of the project, or of a part of it, is told apart from what is installed in place or from elsewhere."""
    for name, url, how in (
        ("copied", root.as_uri(), {"dir_info": {}}),
        ("wheel", (root / "a part" / "wheel.whl").as_uri(), {"archive_info": {}}),
        ("editable", root.as_uri(), {"dir_info": {"editable": True}}),
        ("other", root.parent.as_uri(), {"dir_info": {}}),
        ("remote", "https://example.org/remote.git", {"vcs_info": {}}),
    ):
        folder = site(venv) / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (folder / "direct_url.json").write_text(json.dumps({"url": url, **how}))
    assert copies_of(str(venv / "bin" / "python"), root) == ["copied", "wheel"]


def test_no_interpreter(tmp_path: Path) -> None:
    """Other programs, and none, are told apart from those that answer."""
    for python in ("/bin/false", "/bin/true", str(tmp_path / "missing")):
        with pytest.raises(CannotRunError, match="cannot be asked from where it imports"):
            paths_for(python, tmp_path, tmp_path)
