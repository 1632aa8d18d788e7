"""The recipes in examples/shards: valid for the systems that they are for, and what they run does what it should."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

RECIPES = Path(__file__).parents[2] / "examples" / "shards"


@pytest.mark.parametrize(("recipe", "schema"), [("github.yml", "github-workflows"), ("gitlab.yml", "gitlab-ci")])
def test_the_systems_schema_takes_it(recipe: str, schema: str) -> None:
    """Those that check-jsonschema ships; a mistake in the recipe is found."""
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", str(RECIPES / recipe)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_kubernetes_takes_the_job() -> None:
    """Strictly: no property that it does not know."""
    import kubernetes_validate  # type: ignore[import-untyped]

    kubernetes_validate.validate(job(), "1.30", strict=True)
    wrong = job()
    wrong["spec"]["completion"] = 8
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.30", strict=True)


def job() -> dict[str, Any]:
    """The manifest."""
    found: dict[str, Any] = yaml.safe_load((RECIPES / "kubernetes.yaml").read_text())
    return found


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the tests that the recipes run, and `flakeproof` to be found."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_stock.py").write_text("def test_sold(): pass\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "flakeproof").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m flakeproof "$@"\n')
    (tmp_path / "bin" / "flakeproof").chmod(0o755)
    return tmp_path


def run(words: list[str], project: Path, **environment: str) -> None:
    """As the system would; a hundred tests where the recipe has a thousand times as many."""
    words = [word.replace("-c 100000", "-c 100 --isolation shared") for word in words]
    path = f"{project / 'bin'}:/usr/bin:/bin"
    done = subprocess.run(
        words, cwd=project, env={"PATH": path, **environment}, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def merged(project: Path) -> int:
    """How many tests all parts have run, by `merge`, which takes parts with one seed and no number twice."""
    run(["flakeproof", "merge", "parts", "--json", "merged.json"], project)
    total = json.loads((project / "merged.json").read_text())["total"]
    assert isinstance(total, int)
    return total


@pytest.mark.long
def test_the_parts_of_the_kubernetes_job_add_up(project: Path) -> None:
    """Each index once, with the variables that the manifest and Kubernetes set."""
    spec = job()["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    variables = {one["name"]: one["value"] for one in container["env"]}
    assert variables["JOB_COMPLETIONS"] == str(spec["completions"])
    for index in range(3):  # instead of all that the manifest has: each goes the same way
        own = {**variables, "JOB_COMPLETIONS": "3", "PARTS": str(project / "parts"), "JOB_COMPLETION_INDEX": str(index)}
        run([*container["command"], *container["args"]], project, **own)
    assert merged(project) == 100


@pytest.mark.long
def test_the_parts_of_the_slurm_array_add_up(project: Path) -> None:
    """Each task of an array of three once, with the variables that Slurm sets."""
    script = (RECIPES / "slurm.sh").read_text()
    for task in range(1, 4):
        own = {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_TASK_COUNT": "3", "SLURM_ARRAY_TASK_MIN": "1"}
        run(["bash", "-c", script], project, SLURM_ARRAY_JOB_ID="17", **own)
    assert merged(project) == 100
