"""Saves a preset of the project's own in its pyproject.toml."""

import json
import os
import re
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path

from flakeproof.errors import UsageError
from flakeproof.settings import pyproject
from flakeproof.settings.presets import PRESETS

_NAME = re.compile(r"[A-Za-z0-9_-]+")


def check(root: Path, name: str) -> None:
    """Raise UsageError if no preset can be saved as `name` in the project in `root`."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"--save-preset {name!r} is not a name", "letters, digits, - and _")
    if name in PRESETS or name in pyproject.read(root).presets:
        raise UsageError(f"--save-preset {name}: there is such a preset already", "give it another name")
    path = root / "pyproject.toml"
    if not os.access(path if path.exists() else root, os.W_OK):
        raise UsageError(f"--save-preset {name}: {path} cannot be written", "mend that, or leave it out")


def save(root: Path, name: str, values: Mapping[str, str]) -> Path:
    """Append the preset to the file, which is made if there is none; return its path.

    What stood there stays as it was, letter for letter. Raises UsageError if it cannot be done.
    """
    check(root, name)
    path = Path(os.path.realpath(root / "pyproject.toml"))
    before = path.read_bytes().decode() if path.exists() else ""
    table = f"[{pyproject.TABLE}.presets.{name}]\n"
    # A JSON string is a basic string of TOML.
    table += "".join(f"{setting} = {json.dumps(value)}\n" for setting, value in values.items())
    gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
    text = f"{before}{gap}{table}"
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} cannot take the preset: {error}", f"write it there yourself:\n{table}") from None
    _replace(path, text)
    return path


def _replace(path: Path, text: str) -> None:
    """All of the new text, or all of the old one, whatever happens."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(text.encode())
        if path.exists():
            shutil.copymode(path, temporary)
        temporary.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", "the preset was not saved") from None
    finally:
        temporary.unlink(missing_ok=True)
