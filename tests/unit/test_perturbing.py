"""How perturbations are written, and what cannot mean anything."""

import sys
from pathlib import Path

import pytest
from tests.unit.test_config import _spec as spec_of

from flakeproof.errors import UsageError
from flakeproof.model import CallableTarget, Delay, Isolation, Perturbations
from flakeproof.perturbations.pauses import delays_in, parse_delays, written_delay
from flakeproof.perturbations.resolve import RunConditions, perturbations_of
from flakeproof.targets.command import CommandLine

CODE = '''\
"""A module."""
LIMIT = 3


class Server:
    def handle(self, item):
        def inner():
            return item

        return inner()


async def main():
    return LIMIT
'''


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("server.py:88:20ms", Delay(file="server.py", where="88", least=0.02, most=0.02)),
        (
            "test_*.py:*:1ms..50ms@p=0.1",
            Delay(file="test_*.py", where="*", least=0.001, most=0.05, probability=0.1),
        ),
        ("a/b.py:Server.*:0ms..1s@p=25%", Delay(file="a/b.py", where="Server.*", least=0, most=1, probability=0.25)),
    ],
)
def test_what_is_written(text: str, expected: Delay) -> None:
    """Is read, and can be written again."""
    assert delays_in(text) == [expected]
    assert delays_in(written_delay(expected)) == [expected]


def test_several() -> None:
    """As a list, or with commas between them."""
    assert parse_delays(["a.py:f:1ms", "b.py:7:2ms,c.py:g:3ms"]) == "a.py:f:1ms,b.py:7:2ms,c.py:g:3ms"
    assert [delay.file for delay in delays_in("a.py:f:1ms, b.py:7:2ms")] == ["a.py", "b.py"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("server.py:20ms", "is not a delay"),
        (":f:20ms", "does not say where"),
        ("a.py:f:soon", "'soon' is not a duration"),
        ("a.py:f:50ms..1ms", "the longest pause is shorter"),
        ("a.py:f:0ms", "no pause at all"),
        ("a.py:f:2h", "more than an hour"),
        ("a.py:f:1ms@0.5", "is not a probability"),
        ("a.py:f:1ms@p=2", "is not a rate|is more than 1"),
    ],
)
def test_what_is_not_a_delay(text: str, named: str) -> None:
    """The value is named, and how it is written."""
    with pytest.raises(ValueError, match=named):
        parse_delays(text)


@pytest.mark.parametrize(
    ("where", "named"),
    [
        ("other.py:*:1ms", "no Python file below .* is called other.py"),
        ("mod.py:handel:1ms", r"no function in mod.py is called handel; did you mean 'handle'\?"),
        ("mod.py:3:1ms", "there is no code at line 3 of mod.py"),
        ("mod.py:6:1ms", "there is no code at line 6 of mod.py"),
        ("/nowhere/mod.py:*:1ms", "/nowhere/mod.py"),
    ],
)
def test_what_matches_nothing(tmp_path: Path, where: str, named: str) -> None:
    """It is said before anything runs."""
    with pytest.raises(UsageError, match=named):
        _perturbations(tmp_path, where)


@pytest.mark.parametrize(
    "where",
    ["mod.py:*:1ms", "pkg/mod.py:handle:1ms", "m?d.py:Server.*:1ms", "mod.py:Server.handle.inner:1ms", "mod.py:8:1ms"],
)
def test_what_matches(tmp_path: Path, where: str) -> None:
    """By the name of the file or the end of its path; by names of functions, or a line."""
    assert [written_delay(delay) for delay in _perturbations(tmp_path, where).delays] == [where]


def test_installed_code_is_not_meant(tmp_path: Path) -> None:
    """Only by its whole path."""
    installed = tmp_path / "lib" / "python3.11" / "site-packages"
    installed.mkdir(parents=True)
    (installed / "lib.py").write_text(CODE)
    with pytest.raises(UsageError, match="no Python file"):
        _perturbations(tmp_path, "lib.py:*:1ms")
    assert _perturbations(tmp_path, f"{installed}/lib.py:*:1ms").delays


def test_a_command_has_no_lines(tmp_path: Path) -> None:
    """It is said what it is for."""
    with pytest.raises(UsageError, match="--delay is for Python functions and tests"):
        spec_of(tmp_path, {"delay": "a.py:*:1ms"}, {}, "", CommandLine(["true"]))  # type: ignore[arg-type]


def _perturbations(folder: Path, delay: str) -> Perturbations:
    (folder / "pkg").mkdir(exist_ok=True)
    (folder / "pkg" / "mod.py").write_text(CODE)
    target = CallableTarget(
        name="pkg.mod:main", python=sys.executable, folder=str(folder), module="pkg.mod", attribute="main"
    )
    from flakeproof.settings.load import load

    return perturbations_of(load({"delay": delay}, {}, folder), RunConditions(target, Isolation.SHARED)).perturbations
