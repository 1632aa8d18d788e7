"""Pytest tests as a target; and whether a folder has tests that pytest finds by itself."""

import configparser
import os
import shlex
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from flakeproof.errors import UsageError
from flakeproof.model import PytestTarget
from flakeproof.scenarios.catalogue import SCENARIOS
from flakeproof.targets import interpreter
from flakeproof.targets.command_line import check_text
from flakeproof.targets.resolve import is_function
from flakeproof.text import shortened

_NAME_LENGTH = 200
_DESCRIPTORS = 16


@dataclass(frozen=True)
class PytestLine:
    """A target for pytest as the user wrote it."""

    arguments: Sequence[str] = ()
    """Node ids, files, folders; empty for the project's default."""
    options: Sequence[str] = field(default_factory=list)
    """Options of pytest."""
    imports_folder: bool = True
    """Whether modules in the working directory can be imported, as with `python -m pytest`."""


def names_tests(words: Sequence[str], folder: Path) -> bool:
    """Whether `words` are for pytest: several words always are; a single one if it is a node id, file or folder."""
    if len(words) != 1:
        return len(words) > 1
    word = words[0]
    if word in SCENARIOS or is_function(word):
        return False
    path = word.partition("::")[0]
    return "::" in word or path.endswith(".py") or (bool(path) and (folder / path).exists())


def resolve_tests(
    line: PytestLine,
    folder: Path,
    *,
    options: str | None,
    python: str | None,
    shuffle: bool,
    private_home: bool,
    session_fixtures: str,
) -> PytestTarget:
    """The target for `line`, run from `folder`; `options` are further options of pytest, quoted as for a shell.

    Raises UsageError.
    """
    try:
        words = [*shlex.split(options or ""), *line.options]
    except ValueError as error:
        raise UsageError(
            f"the pytest arguments {options!r} cannot be read: {error}", "quote them as for a shell"
        ) from None
    for text in (*words, *line.arguments):
        check_text(text)
    found = interpreter.choose(python, folder, os.environ, for_tests=True)
    return PytestTarget(
        name=shortened(shlex.join([*line.arguments, *line.options]) or "pytest", _NAME_LENGTH),
        arguments=list(line.arguments),
        options=words,
        shuffle=shuffle,
        private_home=private_home,
        imports_folder=line.imports_folder,
        session_fixtures=session_fixtures,
        python=found.path,
        python_from=found.why,
        folder=str(folder),
        descriptors_per_trial=_DESCRIPTORS,
    )


_INI = {"tox.ini": ("pytest",), "setup.cfg": ("tool:pytest",)}
_OWN = ("pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml")
_FOLDERS = ("tests", "test")


def has_tests(folder: Path) -> bool:
    """Whether `folder` or a folder above it in its repository configures pytest, or `folder` has a folder of tests."""
    if any((folder / name).is_dir() for name in _FOLDERS):
        return True
    for place in (folder, *folder.resolve().parents):
        if any((place / name).is_file() for name in _OWN) or _in_pyproject(place) or _in_ini(place):
            return True
        if (place / ".git").exists():
            break
    return False


def _in_pyproject(folder: Path) -> bool:
    with suppress(OSError, ValueError):
        tools = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8")).get("tool", {})
        return "pytest" in tools
    return False


def _in_ini(folder: Path) -> bool:
    for name, sections in _INI.items():
        found = configparser.ConfigParser(interpolation=None, strict=False)
        with suppress(OSError, UnicodeDecodeError, configparser.Error):
            found.read_string((folder / name).read_text(encoding="utf-8"))
            if any(found.has_section(section) for section in sections):
                return True
    return False
