"""What README.md and docs tell to type can be typed, and prints what stands there."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.docs.blocks import PAGES, ROOT, Block, blocks, typed
from tests.docs.outputs import first_difference, redacted
from tests.tools import missing, needed

from flakeproof.cli.app import _split, make_app
from flakeproof_worker.system.namespace import possible

COMMANDS: Any = typer.main.get_command(make_app())
BLOCKS = list(blocks())


def words_of_ours(command: str) -> Iterator[list[str]]:
    """What is typed after `flakeproof`, in each part of a pipe."""
    split = shlex.shlex(command.replace("…", ""), posix=True, punctuation_chars="|")
    split.whitespace_split = True
    words: list[str] = []
    for word in [*split, "|"]:
        if word != "|":
            words.append(word)
            continue
        while words and "=" in words[0]:  # a variable of the environment
            del words[0]
        if words[:1] == ["flakeproof"]:
            yield words[1:]
        words = []


@pytest.mark.parametrize("page", [str(page.relative_to(ROOT)) for page in PAGES])
def test_every_command_can_be_typed(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """flakeproof takes the words of each: commands, options and values are there."""
    for block in BLOCKS:
        if block.page != page:
            continue
        for one in typed(block):
            for name, *words in words_of_ours(one.command):
                monkeypatch.setattr(sys, "argv", ["flakeproof", name, *words])
                ours, _ = _split([name, *words])
                try:
                    COMMANDS.commands[name].make_context(name, ours[1:])
                except Exception as error:
                    pytest.fail(f"{block.place}: {one.command}: {error}")


def test_every_command_is_run_or_it_is_said_why_not() -> None:
    """The comment above the block does; a block without a command needs none."""
    silent = [block.place for block in BLOCKS if typed(block) and block.folder is None and not block.reason]
    assert silent == [], "put a comment above each, as tests/docs/blocks.py says"
    assert [block.place for block in BLOCKS if block.folder and not (ROOT / block.folder).is_dir()] == []


def _id(block: Block) -> str:
    return f"{block.page}:{typed(block)[0].command[:40]}"


def _is_short(block: Block) -> bool:
    ours = [words[0] for one in typed(block) for words in words_of_ours(one.command)]
    return set(ours) <= {"plan", "config"}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """That of somebody who has put flakeproof on the PATH, without a terminal or CI; every run draws the same."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, module in (("flakeproof", "flakeproof"), ("pytest", "pytest")):
        (folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        (folder / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name in ("HOME", "LANG", "TMPDIR", "XDG_STATE_HOME")}
    path = os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ["PATH"], "/usr/local/go/bin"])
    return {**kept, "PATH": path, "FLAKEPROOF_SEED": "3"}


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(block, id=_id(block), marks=[] if _is_short(block) else [pytest.mark.long])
        for block in BLOCKS
        if block.folder
    ],
)
def test_outputs(block: Block, tmp_path: Path, environment: dict[str, str]) -> None:
    """Apart from numbers, times, paths, lines of progress, and what the page leaves out with an ellipsis."""
    assert block.folder is not None
    project = tmp_path / "project"
    shutil.copytree(ROOT / block.folder, project, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    if "go test" in block.text:
        needed("go")
    if "fdtrace" in block.text:
        needed("strace")
    if re.search(r"flakeproof wire|(--watch|--monitor) packets", block.text) and (why := possible("packets")):
        missing(why)
    if redacted(typed(block)[0].command).startswith("flakeproof replay RUN"):  # of the run that stands before it
        before = [
            one for one in BLOCKS if (one.page, one.folder) == (block.page, block.folder) and one.line < block.line
        ]
        printed = _printed(typed(before[-1])[0].command, project, environment)
        again = printed.partition("again: ")[2].partition("\n")[0]
    for one in typed(block):
        command = one.command
        if command.startswith("cd "):
            continue  # we are there
        if command.startswith("export "):
            name, _, value = command.removeprefix("export ").partition("=")
            environment[name] = value
            continue
        if redacted(command).startswith("flakeproof replay RUN"):
            command = again
        if redacted(command).startswith("gh "):
            continue  # there is no pull request
        printed = _printed(command, project, environment)
        difference = first_difference(one.output, printed.splitlines())
        assert difference is None, f"{block.place}: $ {one.command}\n{difference}\n\n{printed}"


def _printed(command: str, project: Path, environment: dict[str, str]) -> str:
    """What it prints, to stdout and stderr, in the order in which it does."""
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return done.stdout
