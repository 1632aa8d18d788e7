"""Suites of real projects end under flakeproof, in every isolation, as they do under plain pytest."""

import subprocess
from pathlib import Path

import pytest
from benchmarks.real_suites import Bench, compare, projects
from tests.tools import missing

pytestmark = pytest.mark.long  # they are fetched, installed and run sixteen times


@pytest.mark.parametrize("name", ["iniconfig", "itsdangerous"])
def test_outcomes_agree(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Once and ten times."""
    (project,) = [one for one in projects() if one.name == name]
    bench = Bench(project, tmp_path / name)
    try:
        bench.prepare()
    except subprocess.CalledProcessError as error:
        missing(f"{name} cannot be installed here: {error}")
    assert compare(bench), capsys.readouterr().out
