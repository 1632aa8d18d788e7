"""Names, numbers and folders that no one expects are named, or work; none of them is a fault of flakeproof."""

import json
import os
from pathlib import Path

import pytest
from tests.e2e.conftest import Flakeproof
from tests.tools import mostly_long

from flakeproof.settings.table import settings

_LONG = "a" * 300


@mostly_long(
    "words",
    [
        ("run", f"{_LONG}.py"),
        ("run", "--", _LONG),
        ("run", "--", f"./{_LONG}"),
        ("run", "targets:passes", "--json", _LONG),
        ("run", "targets:passes", "--store", _LONG),
        ("run", "--cwd", _LONG, "--", "true"),
        ("replay", _LONG, "1"),
        ("isolate", "test_it.py::x", "--in", _LONG),
        ("diagnose", "test_it.py::x", "--in", _LONG),
        ("verify", _LONG),
    ],
    first=1,
)
def test_a_name_that_is_too_long_is_named(flakeproof: Flakeproof, words: tuple[str, ...]) -> None:
    """Whatever it was meant to be."""
    ended = flakeproof(*words)
    assert ended.returncode in (2, 3, 5), ended.stderr
    assert "Traceback" not in ended.stderr
    assert "aaaa" in ended.stderr or "there is no run" in ended.stderr


@mostly_long(
    ("text", "message"),
    [
        (f"count = {'9' * 5000}", "Exceeds the limit"),
        (f"count = {'[' * 5000}{']' * 5000}", "nested too deeply"),
        ('store = "\\u0000"', "has a null character"),
        ('sanitize = ["a\\u0000"]', "has a null character"),
    ],
    first=1,
)
def test_a_file_of_settings_that_makes_no_sense_is_named(
    flakeproof: Flakeproof, project: Path, text: str, message: str
) -> None:
    """A usage error, whatever the command."""
    (project / "pyproject.toml").write_text(f"[tool.flakeproof]\n{text}\n")
    for words in (("run", "targets:passes"), ("clean",)):
        ended = flakeproof(*words)
        assert (ended.returncode, message in ended.stderr) == (2, True), ended.stderr
        assert "pyproject.toml" in ended.stderr


@pytest.mark.parametrize("value", [f"0x{'f' * 5000}", "1e300", "-inf", "nan", '"\\u0000"', "[[[[]]]]", "{ a = 1 }"])
def test_no_value_of_a_setting_is_a_fault(project: Path, value: str) -> None:
    """Each is taken, or refused by name."""
    from flakeproof.errors import UsageError
    from flakeproof.settings.load import load

    for name in settings():
        (project / "pyproject.toml").write_text(f"[tool.flakeproof]\n{name} = {value}\n")
        try:
            load({}, {}, project)
        except UsageError as error:
            assert name in error.message, error.message  # noqa: PT017 - both are right


@pytest.mark.long
def test_a_folder_whose_name_is_not_utf_8_works(flakeproof: Flakeproof, project: Path) -> None:
    """Functions, tests and commands run in it; the reports show the byte; a replay finds the folder again."""
    odd = project / os.fsdecode(b"odd\xff\xee\x83\xbf")
    odd.mkdir()
    (odd / "test_odd.py").write_text("import os\ndef test_odd(): raise ValueError(os.fsencode(os.getcwd())[-8:])\n")
    reports = ("--json", "r.json", "--junit-xml", "r.xml", "--markdown", "r.md")
    for words in (("test_odd:test_odd",), ("test_odd.py",), ("--", "sh", "-c", 'test "${PWD##*odd}" = ""')):
        ended = flakeproof("run", "-c", "2", *reports, *words, cwd=odd)
        again = flakeproof("replay", "latest", "2", cwd=odd)
        assert (ended.returncode, again.returncode) == (1, 1), ended.stderr + again.stderr
        assert "failed again, in the same way" in again.stdout
        assert json.loads((odd / "r.json").read_text())["failed"] == 2
        assert all((odd / name).stat().st_size for name in ("r.xml", "r.md"))
    assert flakeproof("clean", cwd=odd).returncode == 0
