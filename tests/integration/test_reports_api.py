"""`flakeproof.run` and `flakeproof.plan`, as a program calls them."""

from pathlib import Path

import pytest

import flakeproof
from flakeproof.events import AnyEvent, RunEnded, RunStarted

_MODULE = """
def passes(): pass
def fails(): raise ValueError("no")
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a module to run."""
    (tmp_path / "targets_of_program.py").write_text(_MODULE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_returns_its_summary(project: Path) -> None:
    """Failures of the target are no exception, and every event can be heard."""
    heard: list[AnyEvent] = []

    good = flakeproof.run("targets_of_program:passes", count=20, workers=1, timeout=5, on_event=heard.append)
    bad = flakeproof.run("targets_of_program:fails", count=20, failfast=True, workers=1, duration="1m")

    assert (good.ok, good.passed, good.exit_code) == (True, 20, 0)
    assert (bad.ok, bad.failed, bad.exit_code) == (False, 1, 1)
    assert isinstance(heard[0], RunStarted)
    assert isinstance(heard[-1], RunEnded)
    assert len(list((project / ".flakeproof" / "runs").iterdir())) == 2


def test_a_run_leaves_the_reports_that_it_is_asked_for(project: Path) -> None:
    """As with the command; one that cannot be written is found before the run, and later it is a warning."""
    flakeproof.run("targets_of_program:fails", count=3, junit_xml=project / "out" / "j.xml", markdown="out/run.md")
    with pytest.raises(flakeproof.FlakeproofError, match="json= /proc/none/x: "):
        flakeproof.run("targets_of_program:passes", count=3, json="/proc/none/x", markdown="new/run.md")
    with pytest.warns(RuntimeWarning, match="the JSON report was not written: No space left on device"):
        ended = flakeproof.run("targets_of_program:passes", count=3, json="/dev/full")

    assert ended.ok
    assert b"failed 3 of 3 times" in (project / "out" / "j.xml").read_bytes()
    assert (project / "out" / "run.md").read_text().startswith("### flakeproof: `targets_of_program:fails` is broken")
    assert not (project / "new").exists()


def test_settings_of_the_project_for_a_function_hold(project: Path) -> None:
    """Presets of its own, and what it has for some targets."""
    (project / "pyproject.toml").write_text(
        "[tool.flakeproof.presets.few]\ncount = 4\n"
        "[[tool.flakeproof.overrides]]\ntest = '*:passes'\njson = 'run.json'\n"
    )

    assert flakeproof.run("targets_of_program:passes", preset="few").total == 4
    assert (project / "run.json").exists()


def test_bad_values_are_named_as_the_program_has_written_them(project: Path) -> None:
    """As arguments, not as options of a command; nothing is left."""
    with pytest.raises(flakeproof.FlakeproofError, match="max_failures=: 0 is not between 1"):
        flakeproof.run("targets_of_program:passes", max_failures=0)
    with pytest.raises(flakeproof.FlakeproofError, match="cannot be imported by a worker process"):
        flakeproof.run(lambda: None)
    with pytest.raises(flakeproof.FlakeproofError, match="no module 'absent'"):
        flakeproof.run("absent:f")
    with pytest.raises(TypeError, match="cuont"):
        flakeproof.run("targets_of_program:passes", cuont=3)  # type: ignore[call-arg]
    assert not (project / ".flakeproof").exists()
