"""Whose code an interpreter imports: with an editable install, that of the working tree, wherever the tests are.

Tests of another revision would then test the working tree, and a fix would be compared with itself.
"""

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import unquote

from flakeproof.errors import CannotRunError
from flakeproof.revisions.git import without_repository
from flakeproof.text import one_line

_PATIENCE = 120.0
_MARK = "flakeproof:"
_NAMED = 5

_ENTRIES = """
import json, os, site, sys, sysconfig
own = [sysconfig.get_paths().get(name) for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")]
own += getattr(site, "getsitepackages", list)() + [getattr(site, "getusersitepackages", str)()]
own = [path for path in own if path]
mappings = {}
for finder in sys.meta_path:
    kind = finder if isinstance(finder, type) else type(finder)
    module = sys.modules.get(kind.__module__)
    for holder in (module, kind, finder):
        if kind.__module__.startswith(("importlib", "_frozen_importlib")):
            continue
        for value in list(getattr(holder, "__dict__", {}).values()):
            if isinstance(value, dict):
                for name, path in list(value.items()):
                    paths = path if isinstance(path, (list, tuple)) else [path]
                    if isinstance(name, str):
                        found = [str(path) for path in paths if isinstance(path, (str, os.PathLike))]
                        mappings.setdefault(name, []).extend(path for path in found if os.path.isabs(path))
print("flakeproof:" + json.dumps({"entries": [path for path in sys.path if path], "own": own, "mappings": mappings}))
"""
"""With -c an empty entry is the current folder. Finders of editable installs keep names and paths in a dictionary:
MAPPING and NAMESPACES (setuptools), known_source_files (scikit-build-core), _redirections (editables)."""

_ORIGINS = """
import json, sys
from importlib.util import find_spec
origins = {}
sys.path[:] = [path for path in sys.path if path]
for name in sys.argv[1:]:
    try:
        spec = find_spec(name)
        origins[name] = (spec.origin if spec.has_location else None) or list(spec.submodule_search_locations or [])[0]
    except Exception:
        pass
print("flakeproof:" + json.dumps({"origins": origins}))
"""

_COPIES = """
import json
try:
    from importlib.metadata import distributions
except ImportError:  # before Python 3.8
    distributions = list
copies = {}
for distribution in distributions():
    try:
        direct = json.loads(distribution.read_text("direct_url.json") or "{}")
        if not direct.get("dir_info", {}).get("editable"):
            copies[distribution.metadata["Name"]] = direct["url"]
    except Exception:
        pass
print("flakeproof:" + json.dumps({"copies": copies}))
"""


def paths_for(python: str, root: Path, checkout: Path, folder: Path | None = None) -> list[str]:
    """Folders of `checkout` that must come first on the path of `python`, so that it imports the code that is there.

    They correspond to those in `root` from which it would import else, be it by a .pth file, by PYTHONPATH or by the
    finder of an editable install, when it is started in `folder` (by default `root`). What the interpreter has for
    itself stays, also where its environment is in `root`.

    Raises CannotRunError where that would not help: something still comes from `root` of which `checkout` has its own.
    """
    top, other = os.path.realpath(root), os.path.realpath(checkout)
    at = folder or root
    seen = _ask(python, at, os.environ, _ENTRIES)
    own = [os.path.realpath(path) for path in seen["own"]]

    def is_code(path: str) -> bool:
        return _is_in(path, top) and not any(_is_in(path, mine) for mine in own)

    found: dict[str, None] = {}
    names: set[str] = set()
    for entry in seen["entries"]:
        if is_code(real := os.path.realpath(entry)):
            found[real] = None
            names.update(_importable(Path(real)))
    for name, paths in seen["mappings"].items():
        for real in (os.path.realpath(path) for path in paths):
            if is_code(real):
                names.add(name.partition(".")[0])
                if (above := _above(name, real)) is not None and _is_in(above, top):
                    found[above] = None
    moved = [os.path.normpath(os.path.join(other, os.path.relpath(path, top))) for path in found]  # noqa: PTH118
    _check(python, at, top, other, moved, sorted(names))
    return moved


def copies_of(python: str, root: Path) -> list[str]:
    """What `python` has installed from `root` as a copy: every revision's tests may import that, and not their own.

    Raises CannotRunError.
    """
    top = os.path.realpath(root)
    copies = _ask(python, root, os.environ, _COPIES)["copies"].items()
    places = {name: unquote(url.removeprefix("file://")) for name, url in copies if url.startswith("file:///")}
    return sorted(name for name, place in places.items() if _is_in(os.path.realpath(place), top))


def first_on(paths: Iterable[str], environment: Mapping[str, str]) -> str:
    """The PYTHONPATH with `paths` before what is in that of `environment`."""
    before = environment.get("PYTHONPATH")
    return os.pathsep.join([*paths, *([before] if before else [])])


def _check(python: str, folder: Path, top: str, other: str, moved: list[str], names: list[str]) -> None:
    """Raise CannotRunError if one of `names` comes from `top` still, although `other` has what it is there."""
    if not names:
        return
    environment = {**os.environ, "PYTHONPATH": first_on(moved, os.environ)}
    origins = _ask(python, folder, environment, _ORIGINS, *names)["origins"]
    wrong = []
    for name, origin in origins.items():
        real = os.path.realpath(origin)
        if _is_in(real, top) and not _is_in(real, other):
            counterpart = Path(other, os.path.relpath(real, top))
            if counterpart.exists():
                wrong.append(name)
    if wrong:
        more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        raise CannotRunError(
            f"with {python} both sides would import the code in {top}: an editable install puts it before all else "
            f"({', '.join(wrong[:_NAMED])}{more})",
            "install the project without -e, or let the build of each side make an environment of its own",
        )


def _is_in(path: str, folder: str) -> bool:
    return PurePath(path).is_relative_to(folder)


def _above(name: str, path: str) -> str | None:
    """The folder from which `name` would be imported as `path`; None where that is called otherwise."""
    place = PurePath(path)
    if place.name == "__init__.py":
        place = place.parent
    elif place.suffix == ".py":
        place = place.with_suffix("")
    parts = name.split(".")
    return str(place.parents[len(parts) - 1]) if list(place.parts[-len(parts) :]) == parts else None


def _importable(folder: Path) -> list[str]:
    """Modules and packages right in `folder`; folders without __init__.py may be anything."""
    try:
        entries = list(folder.iterdir())
    except OSError:
        return []
    modules = [entry.stem for entry in entries if entry.suffix == ".py" and entry.stem.isidentifier()]
    return modules + [entry.name for entry in entries if (entry / "__init__.py").is_file()]


def _ask(python: str, folder: Path, environment: Mapping[str, str], script: str, *words: str) -> dict[str, Any]:
    """What `script` prints in that interpreter. Raises CannotRunError."""
    try:
        done = subprocess.run(
            [python, "-c", script, *words],
            cwd=folder,
            env=without_repository(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotRunError(f"{python} cannot be asked from where it imports: {error}") from None
    for line in done.stdout.splitlines():
        if line.startswith(_MARK):
            answer: dict[str, Any] = json.loads(line.removeprefix(_MARK))
            return answer
    raise CannotRunError(
        f"{python} cannot be asked from where it imports: {one_line(done.stderr) or f'exit status {done.returncode}'}",
        "is it a Python interpreter?",
    )
