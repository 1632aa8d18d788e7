"""What a test prints, and what it is called, reaches the terminal and the log of CI as text and as nothing else."""

import re
from pathlib import Path

import pytest
from tests.e2e.conftest import Flakeproof
from tests.tools import mostly_long

_ACTIONS = {"GITHUB_ACTIONS": "true"}
_HOSTILE = r"""
import sys, unittest

CLIPBOARD = "\x1b]52;c;QUJD\x07\x1b[2J\x1b[31mred\x1b[0m \x9b2J \u202emoc.live\u202c \x08\r"

def prints(message="no"):
    print(CLIPBOARD)
    print("::error file=x::pwned")
    print("\t ::add-mask::e")
    print("x ##[error]pwned")
    raise RuntimeError(CLIPBOARD + message)

def test_prints():
    prints()

class Names(RuntimeError): pass
Names.__qualname__ = Names.__name__ = "::error::" + CLIPBOARD

def named():
    exec(compile("raise Names", "\n::error::\x1b[2J.py", "exec"))
"""
_LOADED_BADLY = 'raise RuntimeError("\\x1b[2J\\n::error::pwned")\n'
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def hostile(project: Path) -> Path:
    """The project, with targets that mean no good."""
    (project / "test_hostile.py").write_text(_HOSTILE)
    (project / "badly.py").write_text(_LOADED_BADLY)
    return project


def commands(text: str) -> list[str]:
    """The lines that GitHub's runner would take for commands."""
    return [line for line in text.splitlines() if line.lstrip().startswith("::") or "##[" in line]


@pytest.mark.usefixtures("hostile")
@mostly_long(
    "words",
    [
        ("run", "test_hostile:prints", "-c", "2", "--isolation", "fork"),
        ("run", "test_hostile:named", "-c", "2"),
        ("run", "test_hostile.py", "-c", "2"),
        ("run", "-c", "2", "--", "sh", "-c", r"printf '\033]52;c;QUJD\007\033[2J\n::error::pwned\n'; exit 1"),
        ("run", "badly:function", "-c", "2"),
    ],
    first=1,
)
def test_nothing_that_a_terminal_obeys_gets_through(flakeproof: Flakeproof, words: tuple[str, ...]) -> None:
    """No control character, in no stream and not in what is kept, and the text can still be read."""
    ended = flakeproof(*words)

    assert ended.returncode in (1, 3)
    assert _CONTROL.findall(ended.stdout + ended.stderr) == []
    assert "\\x1b[2J" in ended.stdout + ended.stderr


@pytest.mark.long
@pytest.mark.usefixtures("hostile")
def test_the_record_and_a_replay_are_as_harmless(flakeproof: Flakeproof, project: Path) -> None:
    """The log that is kept is looked at on a terminal, too."""
    flakeproof("run", "test_hostile:prints", "-c", "2", "--isolation", "fork")
    again = flakeproof("replay", "latest", "1")
    (kept, _) = (path.read_text() for path in project.glob(".flakeproof/runs/*/output.log"))

    assert "::error file=x::pwned" in again.stdout
    assert _CONTROL.findall(again.stdout + again.stderr + kept) == []


@pytest.mark.usefixtures("hostile")
@mostly_long("target", ["test_hostile:prints", "test_hostile.py", "badly:function"], first=1)
def test_githubs_runner_obeys_only_our_own_lines(flakeproof: Flakeproof, target: str) -> None:
    """What a test prints cannot be a command: the block is fenced, and each line is text by itself."""
    ended = flakeproof("run", target, "-c", "2", "--isolation", "fork", env=_ACTIONS)

    tokens = re.findall(r"^::stop-commands::([0-9a-f]{32})$", ended.stderr, re.MULTILINE)
    fences = [f"::{token}::" for token in tokens]
    found = [line for line in commands(ended.stdout + ended.stderr) if not line.startswith("::stop-commands::")]
    annotations = [line for line in found if line.startswith(("::error title=", "::error file="))]
    assert sorted(found) == sorted([*annotations, *fences])
    if target != "badly:function":
        assert ended.stdout.index(fences[0]) < ended.stdout.index("::error ")
        assert "\\x3a:error file=x::pwned" in ended.stdout


@pytest.mark.long
@pytest.mark.usefixtures("hostile")
def test_colours_are_kept_on_request(flakeproof: Flakeproof) -> None:
    """Colours alone, where there are colours at all."""
    words = ("run", "test_hostile:prints", "-c", "1", "--isolation", "fork", "--verbose")
    coloured = flakeproof(*words, "--color-output", env={"FORCE_COLOR": "1"})
    without = flakeproof(*words, env={"FORCE_COLOR": "1"})
    for_no_terminal = flakeproof(*words, "--color-output")

    assert "\x1b[31mred\x1b[0m" in coloured.stdout
    assert "\x1b[2J" not in coloured.stdout
    assert "\\x1b[2Jred" in without.stdout
    assert "\x1b" not in for_no_terminal.stdout
