"""Each setting is declared once: everything else comes from its row."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

import flakeproof
from flakeproof.cli.app import make_app
from flakeproof.errors import UsageError
from flakeproof.model import RunSpec
from flakeproof.scenarios.catalogue import TCPRTT
from flakeproof.settings import table, values
from flakeproof.settings.build_spec import build
from flakeproof.settings.load import load
from flakeproof.settings.presets import DEFAULT, PRESETS
from flakeproof.settings.table import TABLE, Setting

ROOT = Path(__file__).parent.parent.parent
_COMMANDS = {command for row in TABLE.values() for command in row.commands} - {"arm"}


@pytest.fixture(scope="module")
def documents() -> ModuleType:
    """The script that writes what is made of the table."""
    spec = importlib.util.spec_from_file_location("settings_documents", ROOT / "scripts" / "settings_documents.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_docs_are_up_to_date(documents: ModuleType) -> None:
    """Otherwise run: .venv/bin/python scripts/settings_documents.py."""
    text = documents.PAGE.read_text()
    assert text == documents.page(text)


def test_the_keyword_arguments_are_up_to_date(documents: ModuleType) -> None:
    """Otherwise run: .venv/bin/python scripts/settings_documents.py."""
    assert documents.KEYWORDS.read_text() == documents.keywords()


@pytest.fixture
def new_row(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Setting:
    """A setting that nobody but its row knows of, and a project without any."""
    row = Setting(
        "tea-time",
        values.time(),
        "How long tea takes.",
        table.HOW,
        "TIME",
        default="4m",
        commands=frozenset({"run", "config"}),
    )
    monkeypatch.setitem(TABLE, row.name, row)
    monkeypatch.chdir(tmp_path)
    return row


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What the command prints."""
    typer.main.get_command(make_app()).main(list(words), prog_name="flakeproof", standalone_mode=False)
    return capsys.readouterr().out


def test_a_row_is_an_option(new_row: Setting, capsys: pytest.CaptureFixture[str]) -> None:
    """With its help and its default, of the commands that it names and of no other."""
    shown = " ".join(printed(capsys, "run", "--help").split())

    assert "--tea-time TIME How long tea takes. [4m]" in shown
    assert "--tea-time" not in printed(capsys, "gate", "--help")
    with pytest.raises(UsageError, match="--tea-time: 'cold' is not a duration"):
        printed(capsys, "run", "targets:any", "--tea-time", "cold")


def test_a_row_is_shown_by_config(
    new_row: Setting, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With its source: default, pyproject.toml, environment, the command line."""

    def row() -> list[str]:
        words = printed(capsys, "config", *asked).splitlines()
        return next(line.split() for line in words if line.startswith("tea-time"))

    asked: list[str] = []
    assert row() == ["tea-time", "4m", "default"]
    (tmp_path / "pyproject.toml").write_text("[tool.flakeproof]\ntea_time = 30\n")
    assert row() == ["tea-time", "30s", "tool.flakeproof.tea-time"]
    monkeypatch.setenv("FLAKEPROOF_TEA_TIME", "500ms")
    assert row() == ["tea-time", "500ms", "FLAKEPROOF_TEA_TIME"]
    asked = ["--tea-time", "90"]
    assert row() == ["tea-time", "90s", "--tea-time"]


def test_a_row_is_a_keyword(new_row: Setting) -> None:
    """Of `flakeproof.run`."""
    options: dict[str, Any] = {"tea_time": "cold"}
    with pytest.raises(UsageError, match="tea_time=: 'cold' is not a duration"):
        flakeproof.run("targets:any", **options)
    with pytest.raises(TypeError, match="unexpected keyword argument 'coffee_time'"):
        flakeproof.run("targets:any", coffee_time=1)  # type: ignore[call-arg]


def test_a_row_may_be_in_a_preset_and_has_a_value_everywhere(new_row: Setting, tmp_path: Path) -> None:
    """In seconds, wherever it comes from."""
    assert load({}, {}, tmp_path).value("tea-time") == 240.0
    (tmp_path / "pyproject.toml").write_text("[tool.flakeproof.presets.slow]\ntea-time = '1h'\n")
    assert load({"preset": "slow"}, {}, tmp_path).value("tea-time") == 3600.0


def test_the_help_is_in_panels() -> None:
    """So that fifty options can be read."""
    panels = {parameter.rich_help_panel for parameter in typer.main.get_command(make_app()).commands["run"].params}  # type: ignore[attr-defined]
    assert panels >= {row.panel for row in table.options_of("run")}


def test_names_are_those_of_one_row_only() -> None:
    """On the command line, among the arguments, and in the environment."""
    for what in ("name", "argument_name", "variable"):
        assert len({getattr(row, what) for row in TABLE.values()}) == len(TABLE)
    commands: Any = typer.main.get_command(make_app())
    assert commands.commands.keys() >= _COMMANDS
    for command in commands.commands.values():
        flags = [flag for parameter in command.params for flag in parameter.opts if flag.startswith("-")]
        assert len(flags) == len(set(flags))


def test_defaults_can_be_read_and_are_those_that_hold(tmp_path: Path) -> None:
    """What the help and the docs say is what a run goes by."""
    for row in TABLE.values():
        for default in (row.default, *(use.default for use in row.uses.values())):
            assert not default or row.value.parse(default) is not None
        assert row.only_typed or row.words
    spec: RunSpec = build("tcprtt", load({}, {}, tmp_path), {}, tmp_path)
    assert (spec.timeout, spec.adapts_timeout, spec.grace) == (300.0, True, 2.0)
    assert spec.preset == TABLE["preset"].words == DEFAULT == next(iter(PRESETS))
    for name, setting in TCPRTT.settings.items():
        assert setting.default == (setting.parse(TABLE[name].words))


def test_a_list_is_shown_by_config(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As it is typed, and as a list in JSON."""
    monkeypatch.chdir(tmp_path)
    shown = printed(capsys, "config", "--sanitize", "all")
    assert ["sanitize", "descriptors,leaks", "--sanitize"] in [line.split() for line in shown.splitlines()]
    printed(capsys, "config", "--sanitize", "all", "--json", "found.json")
    rows = json.loads((tmp_path / "found.json").read_bytes())["settings"]
    assert next(row["value"] for row in rows if row["name"] == "sanitize") == ["descriptors", "leaks"]


def test_the_table_imports_nothing_heavy() -> None:
    """Every command waits for it, also to print its help."""
    code = (
        "import sys, flakeproof.settings.table\n"
        "sys.exit(' '.join({'msgspec', 'rich', 'psutil', 'typer', 'asyncio', 'subprocess'} & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False)
    assert (done.returncode, done.stderr) == (0, "")
