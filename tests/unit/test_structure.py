"""Imports point one way, and every module stands alone."""

import ast
import json
import os
import socket
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent.parent / "src"
WORKER = SOURCE / "flakeproof_worker"
STANDARD = set(sys.stdlib_module_names)


def module_name(path: Path) -> str:
    """Dotted name of the module in `path`."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = sorted(
    module_name(path) for path in SOURCE.rglob("*.py") if path.name != "__main__.py" and "migrations" not in path.parts
)


@cache
def imports_of(file: Path) -> frozenset[str]:
    """What the module in `file` imports, wherever the import stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            assert node.module is not None
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


@cache
def imported(folder: str) -> frozenset[tuple[str, str]]:
    """Pairs of a module below `folder` and what it imports."""
    path = SOURCE / folder
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    found = frozenset((module_name(file), name) for file in files for name in imports_of(file))
    assert found
    return found


_FEATURES = {path.parent.name for path in (SOURCE / "flakeproof" / "features").glob("*/__init__.py")}


def circles(arrows: Mapping[str, set[str]]) -> list[list[str]]:
    """What reaches itself over others: the strongly connected components of more than one (Tarjan)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = lowest[node] = len(order)
        path.append(node)
        for other in sorted(arrows.get(node, ())):
            if other not in order:
                visit(other)
                lowest[node] = min(lowest[node], lowest[other])
            elif other in path:
                lowest[node] = min(lowest[node], order[other])
        if lowest[node] == order[node]:
            place = path.index(node)
            if len(path) - place > 1:
                found.append(sorted(path[place:]))
            del path[place:]

    for node in sorted(arrows):
        if node not in order:
            visit(node)
    return found


@cache
def between_modules() -> dict[str, set[str]]:
    """Which module imports which other ones of ours, also within functions and for types."""
    names = {module_name(path) for path in SOURCE.rglob("*.py")}
    arrows: dict[str, set[str]] = {name: set() for name in names}
    for package in ("flakeproof", "flakeproof_worker"):
        for module, name in imported(package):
            # `from flakeproof.text import number` names something in the module, `from flakeproof import text` itself.
            other = name if name in names else name.rpartition(".")[0]
            if other in names and other != module:
                arrows[module].add(other)
    return arrows


def room_of(module: str) -> str:
    """The folder that a module is in, with those in it: each feature is one; a module at the top is its own."""
    parts = module.split(".")
    if parts[:2] == ["flakeproof", "features"]:
        return ".".join(parts[:3])
    folder = SOURCE / parts[0] / parts[1] if len(parts) > 1 else SOURCE / parts[0]
    return ".".join(parts[:2]) if folder.is_dir() else module


def is_in(name: str, package: str) -> bool:
    """Whether the dotted `name` is `package` or something in it."""
    return name == package or name.startswith(package + ".")


@pytest.mark.parametrize(
    ("folder", "own"),
    [
        ("flakeproof_worker", "flakeproof_worker"),
        ("flakeproof/net", "flakeproof.net"),
        ("flakeproof/stats", "flakeproof.stats"),
    ],
)
def test_standard_library_and_siblings_only(folder: str, own: str) -> None:
    """What runs beside the user's code, or only computes, depends on nothing."""
    outside = {
        (module, name)
        for module, name in imported(folder)
        if name.partition(".")[0] not in STANDARD and not is_in(name, own)
    }
    assert outside == set()


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        *(
            (f"flakeproof/{folder}", ["features", "cli", "api"])
            for folder in (
                *(
                    "cluster",
                    "engine",
                    "failures",
                    "line_search",
                    "net",
                    "perturbations",
                    "reports",
                    "results",
                    "scenarios",
                ),
                *("settings", "stats", "store", "targets"),
            )
        ),
        ("flakeproof/features", ["cli", "api"]),
        ("flakeproof/features/run", [f"features.{name}" for name in _FEATURES - {"run"}]),
        ("flakeproof/features/fdtrace", [f"features.{name}" for name in _FEATURES - {"fdtrace"}]),
        ("flakeproof/features/wire", [f"features.{name}" for name in _FEATURES - {"wire"}]),
        ("flakeproof/features/isolate", [f"features.{name}" for name in _FEATURES - {"isolate"}]),
        ("flakeproof/settings", ["engine", "reports", "results", "store"]),
        ("flakeproof/engine", ["reports", "store", "results", "settings"]),
        ("flakeproof/cluster", ["reports", "store", "results", "settings"]),
        ("flakeproof/engine", ["cluster"]),
        ("flakeproof/store", ["reports", "engine"]),
        ("flakeproof/results", ["features", "cli", "engine", "reports", "store"]),
        ("flakeproof/results/verdict", ["results"]),
        ("flakeproof/failures", ["features", "cli", "engine", "reports", "results"]),
        ("flakeproof/targets", ["features", "cli", "engine", "reports"]),
        ("flakeproof/scenarios", ["features", "cli", "engine", "reports"]),
        ("flakeproof/perturbations", ["features", "cli", "engine", "reports"]),
        ("flakeproof/line_search", ["features", "cli", "reports"]),
        ("flakeproof/revisions", ["features", "cli", "engine", "reports", "store"]),
        ("flakeproof/features/onset/search", ["cli", "engine", "reports", "features.run", "store", "targets"]),
        *(
            (f"flakeproof/features/compare/{name}", ["cli", "engine", "reports", "features.run", "store", "targets"])
            for name in ("history", "records", "summary", "verdict")
        ),
        *(
            (f"flakeproof/features/diagnose/{name}", ["cli", "engine", "reports", "features.run", "store"])
            for name in ("decision", "rules")
        ),
        *(
            (
                f"flakeproof/features/amplify/{name}",
                ["cli", "engine", "reports", "features.run", "settings", "store", "clock"],
            )
            for name in (
                *("budgeted_runs", "confirmation", "design", "effects", "masking", "race", "rate_model", "search"),
            )
        ),
    ],
)
def test_imports_point_one_way(folder: str, forbidden: list[str]) -> None:
    """Nobody imports what is above it."""
    upwards = {
        (module, name) for module, name in imported(folder) for above in forbidden if is_in(name, f"flakeproof.{above}")
    }
    assert upwards == set()


def test_no_module_imports_itself_over_others() -> None:
    """A circle has no bottom: one of its modules cannot be understood, or imported, before the others."""
    assert circles(between_modules()) == []


def test_no_folder_imports_itself_over_others() -> None:
    """The same for folders."""
    arrows: dict[str, set[str]] = defaultdict(set)
    for module, others in between_modules().items():
        arrows[room_of(module)] |= {room_of(other) for other in others} - {room_of(module)}
    assert circles(arrows) == []


def test_circles_are_found() -> None:
    """Of two, of three, and none where arrows only meet."""
    assert circles({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}) == []
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": {"d"}}) == [["d", "e"], ["a", "b", "c"]]


def test_few_modules_are_at_the_top() -> None:
    """What everybody uses; the rest has a folder."""
    assert len([path for path in (SOURCE / "flakeproof").glob("*.py") if not path.name.startswith("__")]) <= 10


def with_code() -> dict[Path, int]:
    """Lines of each module; an `__init__.py` that holds nothing but a docstring marks a folder and does not count."""
    found = {}
    for path in SOURCE.rglob("*.py"):
        text = path.read_text()
        if path.name != "__init__.py" or any(not isinstance(node, ast.Expr) for node in ast.parse(text).body):
            found[path] = text.count("\n")
    return found


def test_modules_are_concepts() -> None:
    """Neither splinters of a concept nor several in one: who lowers these limits may move them down for good."""
    lines = {str(path.relative_to(SOURCE)): count for path, count in with_code().items()}
    assert statistics.median(lines.values()) >= 120
    small = sorted(path for path, count in lines.items() if count < 40)
    assert len(small) <= 25, small
    lines.pop("flakeproof/settings/table.py")  # one table, and a row for each setting
    assert [path for path, count in lines.items() if count > 550] == []


def test_no_module_is_named_like_one_of_the_standard_library() -> None:
    """Also no folder: in a traceback, or where a script is started by its path, it would be taken for that one."""
    names = {path.stem: path for path in (*SOURCE.rglob("*.py"), *SOURCE.rglob("*/"))}
    assert {name: path for name, path in names.items() if name in STANDARD and not name.startswith("__")} == {}


def test_the_name_of_a_class_means_one_thing() -> None:
    """Public classes: whoever reads the name in one module must not think of another one."""
    homes: dict[str, list[str]] = defaultdict(list)
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(module_name(path))
    assert not {name: modules for name, modules in homes.items() if len(modules) > 1}


@pytest.mark.parametrize("module", ["calls", "frames", "record", "tables", "claims", "ownership"])
def test_judging_descriptors_is_pure(module: str) -> None:
    """Lines of a record in, mishandled descriptors out: no file, no process, nothing of ours around it."""
    reached = {name for _, name in imported(f"flakeproof/features/fdtrace/{module}")}
    assert {
        name for name in reached if is_in(name, "flakeproof") and not is_in(name, "flakeproof.features.fdtrace")
    } == set()
    assert reached & {"os", "subprocess", "pathlib.Path", "time"} == set()


def test_the_model_is_at_the_bottom() -> None:
    """`flakeproof.model` imports nothing of ours."""
    assert {name for _, name in imported("flakeproof/model") if name.startswith("flakeproof")} == set()


@pytest.mark.long
def test_every_module_imports_alone() -> None:
    """Each module can be the first one imported, without a warning."""
    script = (
        "import importlib, os, sys\n"
        "import lxml.etree, msgspec, psutil, rich.console, rich.live, typer\n"  # others' modules once for all
        "import asyncio, concurrent.futures, hashlib, http.server, multiprocessing, ssl, statistics, unittest.mock\n"
        "for name in ('alembic.command', 'jinja2', 'sqlalchemy.orm', 'starlette.applications', 'uvicorn', 'ray'):\n"
        "    try: importlib.import_module(name)\n"
        "    except Exception: pass\n"
        "for name in sys.argv[1:]:\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        importlib.import_module(name)\n"
        "        os._exit(0)\n"
        "    if os.waitpid(child, 0)[1]:\n"
        "        print(name)\n"
    )
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *MODULES], capture_output=True, text=True, check=True
    )
    assert (found.stdout, found.stderr) == ("", "")


def test_the_worker_starts_by_path_with_nothing_around_it(tmp_path: Path) -> None:
    """Isolated (-I) and without site-packages (-S), the worker loads a function and runs a lease."""
    (tmp_path / "bare.py").write_text(
        "from flakeproof_worker.current import current_trial\ndef check():\n    current_trial()\n"
    )
    ours, theirs = socket.socketpair()
    board = os.memfd_create("board")
    os.ftruncate(board, 4096)
    order = {
        "coordinator": os.getpid(),
        "seed": 1,
        "lanes": 1,
        "isolation": "shared",
        "grace": 1.0,
        "scratch": str(tmp_path),
        "temporary": str(tmp_path),
        "draws_hash_seed": True,
        "listens": False,
        "perturbations": {},
        "sanitize": None,
        "target": {
            "kind": "callable",
            "folder": str(tmp_path),
            "module": "bare",
            "attribute": "check",
            "arguments": {},
            "loop": None,
            "packages": {},
        },
    }
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(WORKER), str(theirs.fileno()), str(board)],
        env={},
        pass_fds=(theirs.fileno(), board),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    theirs.close()
    os.close(board)
    with ours, ours.makefile("rwb") as conversation:
        for message in (order, {"type": "lease", "first": 1, "count": 5}, {"type": "finish"}):
            conversation.write(json.dumps(message).encode() + b"\n")
        conversation.flush()
        answers = [json.loads(line) for line in conversation]
    output, _ = process.communicate()
    assert (process.returncode, output) == (0, b"")
    assert [answer["type"] for answer in answers] == ["ready", "passed", "bye"]
    assert answers[1]["count"] == 5


def test_outputs_in_the_docs_are_outputs() -> None:
    """No shell's complaint was pasted where a real output should stand."""
    for page in (SOURCE.parent / "README.md", *(SOURCE.parent / "docs").rglob("*.md")):
        text = page.read_text()
        assert "command not found" not in text, page
        assert "No such file or directory" not in text, page
