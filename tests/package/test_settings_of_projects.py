"""Installed beside pytest, flakeproof finds the outcomes of plain pytest, whatever a project or its user has set."""

import json
import os
import shutil
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
        timeout=600,
        check=False,
    )


@pytest.mark.parametrize(
    ("requirement", "settings"),
    [
        ("pytest==9.2.0", tuple(SETTINGS)),
        ("pytest==7.4.4", ("ini", "no terminal", "little left")),  # what differs between versions shows in these
        ("pytest==8.4.2", ("ini",)),
    ],
)
def test_outcomes_are_those_of_plain_pytest(
    wheel: str, environment_with: Callable[..., str], tmp_path: Path, requirement: str, settings: tuple[str, ...]
) -> None:
    """With the plugin, and with the command; an environment is made once for all settings that are tried in it."""
    python = environment_with(wheel, requirement, "pytest-randomly", name="beside")
    (tmp_path / "outcomes_recorder.py").write_text(RECORDER)
    project = tmp_path / "project"
    for setting in settings:
        ini, options = SETTINGS[setting]
        project.mkdir()
        (project / "pytest.ini").write_text(f"[pytest]\n{ini}")
        (project / "test_it.py").write_text(dedent(SUITE))
        is_first = setting == next(iter(SETTINGS)) and requirement == "pytest==9.2.0"
        differs = differences(python, project, options, ("fork", "shared", "fresh") if is_first else ("fork",))
        assert differs == {}, setting
        shutil.rmtree(project)


def differences(python: str, project: Path, options: list[str], isolations: tuple[str, ...]) -> dict[str, object]:
    """Where flakeproof finds other outcomes than plain pytest with these options: both of them."""
    plain = outcomes([python, "-m", "pytest", *options], project)
    assert set(plain.values()) >= {"passed", "failed"}
    found: dict[str, object] = {}

    # The plugin reports one result of several runs, which has no word for what was expected to fail.
    counted = {name: "passed" if of in ("xfailed", "xpassed") else of for name, of in plain.items()}
    if (reported := outcomes([python, "-m", "pytest", "--flakeproof", "2", *options], project)) != counted:
        found["plugin"] = (reported, counted)

    given = ["--pytest-args", " ".join(options)] if options else []
    expected = {name: [of] for name, of in plain.items()}
    for isolation in isolations:
        words = ["run", "-c", "2", "--isolation", isolation, "--json", "-", "test_it.py", *given]
        done = run([str(Path(python).with_name("flakeproof")), *words], project)
        assert done.stdout, done.stderr
        items = json.loads(done.stdout)["items"]
        ended = {item["item"]: [name for name, count in item["outcomes"].items() if count] for item in items}
        if ended != expected:
            found[isolation] = (ended, expected)
    return found
