"""What pyproject.toml says: `[tool.flakeproof]`, presets, and settings for some targets only; how a preset is saved."""

import difflib
import json
import os
import re
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from flakeproof.errors import UsageError
from flakeproof.settings import table as rows
from flakeproof.settings.presets import PRESETS
from flakeproof.settings.values import HISTORY, is_url

TABLE = "tool.flakeproof"


@dataclass(frozen=True)
class Override:
    """Settings for the targets whose name fits a pattern."""

    test: str
    """Pattern of the shell: `*`, `?`, `[...]`; `*` also matches slashes."""
    place: str
    """As a user would write it, for messages."""
    settings: Mapping[str, Any]

    def fits(self, targets: Sequence[str]) -> bool:
        """Whether it is meant for all of `targets`."""
        return bool(targets) and all(fnmatchcase(target, self.test) for target in targets)


@dataclass(frozen=True)
class Project:
    """Settings by name, as they stand in the file; paths are complete."""

    root: Path
    """The folder of pyproject.toml."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    overrides: Sequence[Override] = ()

    def bases(self, preset: str) -> list[str]:
        """`preset`, what it is based on, what that is based on, …; the last one may be built in.

        Raises UsageError for a base that does not exist, and for one that is based on itself.
        """
        chain = [preset]
        while (base := self.presets.get(chain[-1], {}).get("base")) is not None:
            place = f"{TABLE}.presets.{chain[-1]}.base in pyproject.toml"
            known = [*PRESETS, *self.presets]
            if base not in known:
                close = difflib.get_close_matches(str(base), known, n=1)
                raise UsageError(
                    f"{place}: there is no preset {base!r}",
                    f"did you mean {close[0]}?" if close else f"presets: {', '.join(known)}",
                )
            if base in chain:
                raise UsageError(f"{place}: {' is based on '.join([*chain, base])}", "let one of them have no base")
            chain.append(base)
        return chain


def read(root: Path) -> Project:
    """What pyproject.toml in `root` says. Raises UsageError for a file that cannot be read or understood."""
    path = root / "pyproject.toml"
    try:
        tools = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    except FileNotFoundError:
        return Project(root)
    except (ValueError, RecursionError, OSError) as error:  # also a number with more digits than Python reads
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise UsageError(f"{path} cannot be read: {reason}", "mend it, or run from another folder") from None
    table = _table(tools.get("flakeproof", {}) if isinstance(tools, dict) else {}, TABLE)
    presets = {
        name: _settings(_table(value, f"{TABLE}.presets.{name}"), root)
        for name, value in _table(table.pop("presets", {}), f"{TABLE}.presets").items()
    }
    overrides = table.pop("overrides", [])
    if not isinstance(overrides, list):
        raise UsageError(f"{TABLE}.overrides in pyproject.toml is not a list", f"write [[{TABLE}.overrides]]")
    if isinstance(table.get("preset"), dict):
        wanted = next(iter(table["preset"]), "NAME")
        raise UsageError(
            f"{TABLE}.preset in pyproject.toml is the name of a preset, not a table",
            f"did you mean [{TABLE}.presets.{wanted}]?",
        )
    for name, settings in presets.items():
        _check_preset(name, settings)
    found = Project(
        root,
        _settings(table, root),
        presets,
        [_override(number, value, root) for number, value in enumerate(overrides, 1)],
    )
    for name in presets:
        found.bases(name)
    return found


def _table(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{place} in pyproject.toml is not a table", f"write [{place}], and its settings below")
    return dict(value)


def _settings(table: Mapping[str, Any], root: Path) -> dict[str, Any]:
    found = {name.replace("_", "-"): value for name, value in table.items()}
    for name, value in found.items():
        row = rows.TABLE.get(name)
        if row is None or not row.is_path:
            continue
        if isinstance(value, str) and _is_relative(name, value):
            found[name] = str(root / value)
    return found


def _is_relative(name: str, value: str) -> bool:
    """Whether what stands there for a setting that may be a path is one."""
    if value in ("", "-") or is_url(value):
        return False
    if name == "history":
        return isinstance(HISTORY.parse(value), str)
    return name != "python" or os.sep in value


def _check_preset(name: str, settings: Mapping[str, Any]) -> None:
    place = f"{TABLE}.presets.{name}"
    if name in PRESETS:
        raise UsageError(
            f"{place} in pyproject.toml has the name of a preset that is built in",
            f'give it another name, and base = "{name}" to start from it',
        )
    if "preset" in settings:
        raise UsageError(f"{place}.preset in pyproject.toml cannot be", "what it starts from is called base")
    _refuse_the_projects(settings, place)


def _override(number: int, value: Any, root: Path) -> Override:
    place = f"{TABLE}.overrides[{number}]"
    if not isinstance(value, dict):
        raise UsageError(f"{place} in pyproject.toml is not a table", f"write [[{TABLE}.overrides]]")
    settings = _settings(value, root)
    test = settings.pop("test", None)
    if not isinstance(test, str) or not test:
        raise UsageError(
            f"{place} in pyproject.toml does not say for which targets it is", 'write it like test = "tests/net/*"'
        )
    _refuse_the_projects(settings, place)
    return Override(test, place, settings)


def _refuse_the_projects(settings: Mapping[str, Any], place: str) -> None:
    for name in sorted(name for name in settings if name in rows.TABLE and rows.TABLE[name].of_project):
        raise UsageError(
            f"{place}.{name} in pyproject.toml is a setting for the whole project", f"put it into [{TABLE}]"
        )


_NAME = re.compile(r"[A-Za-z0-9_-]+")


def check(root: Path, name: str) -> None:
    """Raise UsageError if no preset can be saved as `name` in the project in `root`."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"--save-preset {name!r} is not a name", "letters, digits, - and _")
    if name in PRESETS or name in read(root).presets:
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
    table = f"[{TABLE}.presets.{name}]\n"
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
