"""`flakeproof ci ADDRESS`: a run of GitHub Actions, through a program that stands for `gh`, as there is no network."""

from pathlib import Path

import pytest
from tests.e2e.conftest import Flakeproof

ADDRESS = "https://github.com/acme/shop/actions/runs/1234"
GH = """#!/bin/sh
echo "$*" >> "$GH_CALLS"
case "$1 $2" in
"run view") [ "$GH_REFUSES" != view ] || { echo 'HTTP 404: Not Found' >&2; exit 1; }
  echo 'test	Run	2026-11-30T10:00:00.0Z env:'
  echo 'test	Run	2026-11-30T10:00:00.0Z   TZ: Asia/Tokyo' ;;
"run download") [ "$GH_REFUSES" != download ] || { echo 'no valid artifacts found' >&2; exit 1; }
  while [ "$1" != --dir ]; do shift; done
  mkdir -p "$2/junit"
  { echo "<testsuite><testcase classname='a.B' name='c'><failure message='no'/>"; echo '</testcase></testsuite>'; } \\
    > "$2/junit/a.xml" ;;
esac
"""


@pytest.fixture
def gh(project: Path, environment: dict[str, str]) -> Path:
    """The file in which the program notes how it was called."""
    folder = project.parent / "bin"
    folder.mkdir()
    (folder / "gh").write_text(GH)
    (folder / "gh").chmod(0o755)
    environment["PATH"] = f"{folder}:{environment['PATH']}"
    environment["GH_CALLS"] = str(project.parent / "calls")
    return project.parent / "calls"


def test_a_run_is_fetched_and_read(flakeproof: Flakeproof, gh: Path, project: Path) -> None:
    """The log of what failed and the artifacts; nothing of it stays in the project."""
    before = sorted(project.iterdir())
    ended = flakeproof("ci", ADDRESS, "--show")
    assert ended.returncode == 0, ended.stderr
    assert "a.B::c failed (artifacts/junit/a.xml:1)" in ended.stdout
    assert "time zone: Asia/Tokyo (job.log:2)" in ended.stdout
    view, download = gh.read_text().splitlines()
    assert view == "run view 1234 --repo github.com/acme/shop --log-failed"
    assert download.startswith("run download 1234 --repo github.com/acme/shop --dir ")
    assert sorted(project.iterdir()) == before


def test_a_job_of_a_run_is_asked_for(flakeproof: Flakeproof, gh: Path) -> None:
    """As the address in the browser has it."""
    flakeproof("ci", f"{ADDRESS}/job/77?pr=3", "--show")
    assert gh.read_text().startswith("run view --job 77 --repo github.com/acme/shop --log-failed\n")


def test_what_gh_says_is_told(flakeproof: Flakeproof, gh: Path, environment: dict[str, str]) -> None:
    """A run that it may not read ends here; one without artifacts is read by its log."""
    environment["GH_REFUSES"] = "view"
    ended = flakeproof("ci", ADDRESS, "--show")
    assert ended.returncode == 3
    assert "HTTP 404: Not Found" in ended.stderr

    environment["GH_REFUSES"] = "download"
    ended = flakeproof("ci", ADDRESS, "--show")
    assert ended.returncode == 2
    assert "no session of a test runner" in ended.stderr


@pytest.mark.parametrize(
    "address",
    ["https://example.org/job.log", "https://github.com/acme/-x/actions/runs/1", f"{ADDRESS}x", "http://github.com/a"],
)
def test_another_address_is_refused(flakeproof: Flakeproof, gh: Path, address: str) -> None:
    """Nothing is asked of anybody."""
    ended = flakeproof("ci", address)
    assert ended.returncode == 2
    assert "is not the address of a run of GitHub Actions" in ended.stderr
    assert not gh.exists()


def test_without_gh_it_is_said(flakeproof: Flakeproof, environment: dict[str, str], project: Path) -> None:
    """With what to do."""
    environment["PATH"] = str(project)
    ended = flakeproof("ci", ADDRESS)
    assert ended.returncode == 3
    assert "gh, the command line of GitHub" in ended.stderr
