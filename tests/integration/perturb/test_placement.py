"""What --cpus and --nice do for every kind of target."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import flakeproof
from flakeproof.errors import UsageError

TELLS = """
import os
from pathlib import Path

def test_where():
    cpus = sorted(os.sched_getaffinity(0))
    session = Path("/proc/self/autogroup")
    words = session.read_text().split() if session.exists() else []
    raise AssertionError(f"cpus {cpus} nice {os.nice(0)} session {words[-1] if words else 'none'}")

if __name__ == "__main__":
    test_where()
"""


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("where:test_where", {}),
        ("where:test_where", {"isolation": "fork"}),
        ("where:test_where", {"isolation": "fresh"}),
        (flakeproof.pytest_nodes("where.py"), {}),
        ([sys.executable, "where.py"], {}),
    ],
    ids=["shared", "fork", "fresh", "pytest", "command"],
)
def test_tests_are_where_they_are_asked_to_be(
    target: Any, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And this process is not."""
    (tmp_path / "where.py").write_text(TELLS)
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    own_nice, own_cpus = os.nice(0), sorted(os.sched_getaffinity(0))

    summary = flakeproof.run(target, count=1, workers=1, cpus=1, nice=5, store=tmp_path / "store", **options)

    nice = min(19, own_nice + 5)
    failure = summary.signatures[0].example
    said = f"{failure.message} {failure.output}"
    assert f"cpus {own_cpus[:1]} nice {nice} session " in said
    assert any(f"session {session}" in said for session in (nice, "none"))
    assert (own_nice, own_cpus) == (os.nice(0), sorted(os.sched_getaffinity(0)))


def test_it_is_replayed(tmp_path: Path) -> None:
    """As it was recorded."""
    (tmp_path / "where.py").write_text(TELLS)
    words = [sys.executable, "-m", "flakeproof"]

    def done(*arguments: str) -> str:
        told = subprocess.run(
            [*words, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        return told.stdout + told.stderr

    done("run", "where:test_where", "-c", "2", "-w", "1", "--cpus", "1", "--nice", "3")
    nice = min(19, os.nice(0) + 3)
    assert f"cpus {sorted(os.sched_getaffinity(0))[:1]} nice {nice}" in done("replay", "latest", "2")


def test_more_cpus_than_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is said, with how many there are; or it is left out."""
    (tmp_path / "where.py").write_text("def test_where(): pass")
    monkeypatch.chdir(tmp_path)
    there_are = len(os.sched_getaffinity(0))

    with pytest.raises(UsageError, match=f"{there_are + 1} CPUs were asked for, and flakeproof may use {there_are}"):
        flakeproof.run("where:test_where", count=1, cpus=there_are + 1)
    assert flakeproof.run("where:test_where", count=1, cpus=there_are + 1, best_effort=True).passed == 1
