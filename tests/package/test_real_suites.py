"""The suite of a real project ends under flakeproof, in every isolation, as it does under plain pytest."""

import subprocess
from pathlib import Path

import pytest
from benchmarks.real_suites import Bench, compare, projects
from tests.tools import missing

pytestmark = pytest.mark.long  # it is fetched, installed and run sixteen times

NAME = "itsdangerous"
"""The others of the benchmark need more time, or have nothing that this one has not."""


def test_outcomes_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Once and ten times."""
    (project,) = [one for one in projects() if one.name == NAME]
    bench = Bench(project, tmp_path / NAME)
    try:
        bench.prepare()
    except subprocess.CalledProcessError as error:
        missing(f"{NAME} cannot be installed here: {error}")
    assert compare(bench), capsys.readouterr().out
