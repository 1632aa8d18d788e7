"""Installed beside pytest, flakeproof finds the outcomes of plain pytest, whatever a project or its user has set."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from benchmarks.real_suites import RECORDER, WORSE

pytestmark = pytest.mark.long  # pip has to fetch what is in these environments

SUITE = """
    import threading, unittest, warnings
    import pytest

    def test_passes(): pass

    def test_fails(): assert 0, "no"

    @pytest.mark.skip(reason="not here")
    def test_skipped(): pass

    @pytest.mark.xfail
    def test_fails_as_expected(): assert 0

    @pytest.mark.xfail
    def test_passes_unexpectedly(): pass

    def test_warns(): warnings.warn("old", DeprecationWarning)

    def test_leaves_an_error_to_the_collector():
        class Left:
            def __del__(self): raise ValueError("unraisable")
        Left()

    def test_thread():
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()

    @pytest.fixture(scope="session")
    def everywhere(): yield

    @pytest.mark.parametrize("number", [1, 2])
    def test_numbers(everywhere, number): assert number == 1

    def test_temporary(tmp_path): (tmp_path / "file").write_text("")

    def test_written(capsys):
        print("out")
        assert capsys.readouterr().out == "out\\n"

    def test_log(caplog, monkeypatch): monkeypatch.setenv("SHOP", "open")

    class TestUnit(unittest.TestCase):
        def test_unit(self):
            with self.subTest(part=1): pass
"""
EVERYTHING = "filterwarnings = error\nxfail_strict = true\naddopts = --strict-config --strict-markers\n"
WITHOUT = "junitxml logging tmpdir stepwise faulthandler unraisableexception threadexception skipping recwarn"
SETTINGS = {
    "ini": (EVERYTHING, []),
    "-W error": ("", ["-W", "error"]),
    "importlib": (EVERYTHING, ["--import-mode=importlib"]),
    "append": (EVERYTHING, ["--import-mode=append"]),
    "no cache, no order": (EVERYTHING, ["-p", "no:cacheprovider", "-p", "no:randomly"]),
    "no terminal": (EVERYTHING, ["-p", "no:terminal"]),
    "no capture": (EVERYTHING, ["-p", "no:capture"]),
    "no warnings, no rewriting": ("", ["-p", "no:warnings", "-p", "no:assertion", "-p", "no:doctest"]),
    "little left": ("", [word for name in WITHOUT.split() for word in ("-p", f"no:{name}")]),
}
Outcomes = dict[str, str]


def outcomes(words: list[str], project: Path) -> Outcomes:
    """How each test ends that pytest reports when it is started with `words`."""
    file = project.parent / "outcomes.json"
    file.unlink(missing_ok=True)
    done = run([*words, "-p", "outcomes_recorder"], project, PYTHONPATH=str(project.parent), OUTCOMES=str(file))
    assert file.exists(), done.stdout + done.stderr
    ended: dict[str, list[str]] = json.loads(file.read_text())
    return {name: next(one for one in WORSE if one in of) for name, of in ended.items()}


def run(words: list[str], project: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program in the project."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    return subprocess.run(
        words,
        cwd=project,
        env={**kept, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize(
    ("requirement", "setting"),
    [
        *((requirement, setting) for requirement in ("pytest==7.4.4", "pytest==9.2.0") for setting in SETTINGS),
        *(("pytest==8.4.2", setting) for setting in ("ini", "little left")),  # the others are what one of the two has
    ],
)
def test_outcomes_are_those_of_plain_pytest(
    wheel: str, environment_with: Callable[..., str], tmp_path: Path, requirement: str, setting: str
) -> None:
    """With the plugin, and with the command."""
    python = environment_with(wheel, requirement, "pytest-randomly", name="beside")
    ini, options = SETTINGS[setting]
    project = tmp_path / "project"
    project.mkdir()
    (project / "pytest.ini").write_text(f"[pytest]\n{ini}")
    (project / "test_it.py").write_text(dedent(SUITE))
    (tmp_path / "outcomes_recorder.py").write_text(RECORDER)
    plain = outcomes([python, "-m", "pytest", *options], project)
    assert set(plain.values()) >= {"passed", "failed"}

    # The plugin reports one result of several runs, which has no word for what was expected to fail.
    counted = {name: "passed" if of in ("xfailed", "xpassed") else of for name, of in plain.items()}
    assert outcomes([python, "-m", "pytest", "--flakeproof", "2", *options], project) == counted

    given = ["--pytest-args", " ".join(options)] if options else []
    for isolation in ("fork", "shared", "fresh") if setting == "ini" else ("fork",):
        words = ["run", "-c", "2", "--isolation", isolation, "--json", "-", "test_it.py", *given]
        done = run([str(Path(python).with_name("flakeproof")), *words], project)
        assert done.stdout, done.stderr
        items = json.loads(done.stdout)["items"]
        assert {item["item"]: [name for name, count in item["outcomes"].items() if count] for item in items} == {
            name: [of] for name, of in plain.items()
        }
