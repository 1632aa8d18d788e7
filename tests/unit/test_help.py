"""The help of each command: panels, examples that can be typed, and what a shell completes."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from flakeproof.cli.app import _split, make_app
from flakeproof.cli.help import EXAMPLES, CommandGroup

ROOT: Any = typer.main.get_command(make_app())
SCENARIO_OPTIONS = ("--server", "--settle", "--set", "--ci-rate")


def help_of(name: str, *words: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What `flakeproof NAME … --help` prints."""
    monkeypatch.setattr(sys, "argv", ["flakeproof", name, *words, "--help"])
    command = ROOT.commands[name]
    text: str = command.get_help(command.make_context(name, [], resilient_parsing=True))
    return text


@pytest.mark.parametrize("name", list(ROOT.commands))
def test_each_command_has_three_examples_that_can_be_typed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They stand in its help as they are, and are words that it takes."""
    shown = help_of(name, monkeypatch=monkeypatch)
    assert len(EXAMPLES[name]) == 3
    for line, what in EXAMPLES[name]:
        assert f"\n  {line}\n      # {what}\n" in shown + "\n"
        program, command, *words = shlex.split(line)
        assert (program, command) == ("flakeproof", name)
        ours, _ = _split([command, *words])
        ROOT.commands[name].make_context(name, ours[1:])


@pytest.mark.parametrize("name", ["run", "gate", "amplify", "diagnose", "verify", "compare"])
def test_options_of_a_scenario_are_shown_where_one_is_the_target(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They work everywhere; who has another target has nothing to read about them."""
    rows = help_of(name, monkeypatch=monkeypatch).splitlines()
    assert not [row for row in rows if row.startswith(tuple(f"  {option} " for option in SCENARIO_OPTIONS))]
    assert "Settings of a scenario:" in help_of(name, "tcprtt", monkeypatch=monkeypatch)
    assert "Settings of a scenario:" in help_of("stress", monkeypatch=monkeypatch)


def test_options_stand_in_panels_in_one_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to run, how much, how, …, and no option outside of them."""
    rows = help_of("run", monkeypatch=monkeypatch).splitlines()
    panels = [row.removesuffix(":") for row in rows if row.endswith(":") and not row.startswith(" ")]
    assert panels == [
        "Arguments",
        "What to run",
        "How much",
        "How it runs",
        "What counts as a failure",
        "Provoke a failure",
        "Watch",
        "Reports",
        "Help",
        "Examples",
    ]


def test_commands_stand_in_groups() -> None:
    """All of them."""
    assert isinstance(ROOT, CommandGroup)
    shown = ROOT.get_help(ROOT.make_context("flakeproof", [], resilient_parsing=True))
    assert all(f"\n  {name} " in shown for name in ROOT.commands)
    assert "Whether it is fixed:\n  verify" in shown


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("ru", ["run", "runs"]),
        ("run --isol", ["--isolation"]),
        ("run --isolation f", ["fork", "fresh"]),
        ("show 2026", ["20261122-163553-211acf9"]),
        ("run tests/te", []),  # the shell completes files then
    ],
)
def test_bash_completes(words: str, completed: list[str], tmp_path: Path) -> None:
    """Commands, options, some values, runs; the script that asks for it is Typer's own."""
    (tmp_path / ".flakeproof" / "runs" / "20261122-163553-211acf9").mkdir(parents=True)
    line = f"flakeproof {words}"
    asked = {"_FLAKEPROOF_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    done = subprocess.run(
        [sys.executable, "-m", "flakeproof"],
        cwd=tmp_path,
        env=os.environ | asked,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, completed, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_each_shell_is_printed(shell: str, tmp_path: Path) -> None:
    """And what it calls is this program."""
    asked = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    words = [sys.executable, "-m", "flakeproof", "--show-completion", shell]
    done = subprocess.run(
        words, cwd=tmp_path, env=os.environ | asked, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"_FLAKEPROOF_COMPLETE=complete_{shell}" in done.stdout
