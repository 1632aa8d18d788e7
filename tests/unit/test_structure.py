"""Imports point one way, and every module stands alone."""

import ast
import json
import os
import socket
import subprocess
import sys
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


def imported(folder: str) -> set[tuple[str, str]]:
    """Pairs of a module below `folder` and what it imports, wherever the import stands."""
    found: set[tuple[str, str]] = set()
    path = SOURCE / folder
    for file in sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {(module_name(file), alias.name) for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file} imports relatively"
                assert node.module is not None
                found |= {(module_name(file), f"{node.module}.{alias.name}") for alias in node.names}
    assert found
    return found


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
        ("flakeproof/engine", ["features", "cli", "reports", "store", "results", "api"]),
        ("flakeproof/store", ["features", "cli", "reports", "engine"]),
        ("flakeproof/results", ["features", "cli", "engine", "reports", "store"]),
        ("flakeproof/results/verdict", ["results"]),
        ("flakeproof/failures", ["features", "cli", "engine", "reports", "results"]),
        ("flakeproof/targets", ["features", "cli", "engine", "reports"]),
        ("flakeproof/scenarios", ["features", "cli", "engine", "reports"]),
        ("flakeproof/perturbations", ["features", "cli", "engine", "reports"]),
        ("flakeproof/line_search", ["features", "cli", "reports"]),
        *(
            (f"flakeproof/features/compare/{name}", ["cli", "engine", "reports", "features.run", "store", "targets"])
            for name in ("events", "history", "records", "referee", "revisions", "summary", "verdict")
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
                *("budgeted_runs", "confirmation", "design", "effects", "masking", "proven", "race"),
                *("rate_model", "search"),
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
