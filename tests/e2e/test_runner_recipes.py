"""The recipes of docs/runners.md, each as it stands there, with the real runner."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests import runners
from tests.integration.ci_jobs.real_reports import PROJECTS
from tests.integration.ci_jobs.test_junit_dialects import FAILED
from tests.tools import missing, needed

_PAGE = (Path(__file__).parent.parent.parent / "docs" / "runners.md").read_text()
_BLOCK = re.compile(r"<!-- not run: .*test_runner_recipes\.py runs it in (\S+) -->\n```bash\nflakeproof (.*)\n```")
RECIPES = {
    f"{words.partition(' -- ')[2].split()[0]} in {where}": (where, words) for where, words in _BLOCK.findall(_PAGE)
}
NAMES = {"go": "gotestsum", "rust": "nextest", "ctest": "ctest"}


def test_the_page_has_a_recipe_for_each_runner() -> None:
    """That is tried below; one more on the page is tried as well."""
    assert len(RECIPES) == 8


def prepared(where: str, words: str, project: Path) -> str:
    """Have in `project` what is built once, as the page says; the PATH with the runner."""
    path = os.environ["PATH"]
    if where == "go":
        return os.pathsep.join([str(runners.gotestsum().parent), str(Path(needed("go")).parent), path])
    if where == "rust":
        return os.pathsep.join([str(runners.nextest()), str(Path(needed("cargo")).parent), path])
    build: list[list[str]] = []
    if where == "maven":
        build = [[needed("mvn"), "-B", "-q", "test-compile"]]
    elif where.startswith("ctest"):
        if not Path("/usr/include/gtest/gtest.h").exists():
            missing("GoogleTest is not installed")
        build = [[needed("cmake"), "-S", ".", "-B", "build"], [needed("cmake"), "--build", "build"]]
    for command in build:
        subprocess.run(command, cwd=project, capture_output=True, check=True)
    return path


@pytest.mark.long
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_counts_each_test(recipe: str, environment: dict[str, str], tmp_path: Path) -> None:
    """All that fail in the project of the runner, and those that pass or are skipped besides."""
    where, words = RECIPES[recipe]
    name = where.partition("/")[0]
    project = runners.copied(PROJECTS / name, tmp_path)
    path = prepared(where, words, project)
    environment["PATH"] = os.pathsep.join([path, environment["PATH"]])
    environment |= {"GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOPROXY": "off", "RUST_BACKTRACE": "0"}
    command = words.replace(" -c 2 ", " -c 1 --json summary.json ", 1)
    ended = subprocess.run(
        ["sh", "-c", f'exec "$FLAKEPROOF" {command}'],
        cwd=project / where.partition("/")[2],
        env={**environment, "FLAKEPROOF": str(flakeproof_program())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr + ended.stdout
    summary = json.loads((project / where.partition("/")[2] / "summary.json").read_text())
    runner = "gtest" if "gtest" in words else NAMES.get(name, name)
    assert {item["item"] for item in summary["items"] if item["failed"]} == set(FAILED[runner]) - _ONLY_WITH_A_MARK
    assert any(item["passed"] for item in summary["items"])


_ONLY_WITH_A_MARK = {"example.com/shop.TestSometimes"}
"""Fails only where a variable tells it to."""


def flakeproof_program() -> Path:
    """The program, for a shell."""
    return Path(sys.executable).parent / "flakeproof"
