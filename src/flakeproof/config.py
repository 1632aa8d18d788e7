"""Settings and where they come from: command line, FLAKEPROOF_*, [tool.flakeproof] in pyproject.toml, defaults."""

import difflib
import math
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flakeproof.errors import UsageError
from flakeproof.model import Isolation
from flakeproof.presets import PRESETS
from flakeproof.text import parse_duration, parse_rate, parse_whole, shortened

MOST_TRIALS = 10**12
MOST_WORKERS = 10_000
MOST_PROCESSES = 1_000
_LONGEST = 366 * 86400.0
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        return parse_whole(str(value), least, most)

    return parse


def _time(*, none_allowed: bool) -> Callable[[Any], float | None]:
    def parse(value: Any) -> float | None:
        if none_allowed and str(value).lower() == "none":
            return None
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        seconds = float(value) if is_number and math.isfinite(value) else parse_duration(str(value))
        if seconds <= 0:
            raise ValueError(f"{value!r} is no time at all" + ("; `none` is no limit" if none_allowed else ""))
        if seconds > _LONGEST:
            raise ValueError(f"{value!r} is more than a year")
        return seconds

    return parse


def _one_of(*values: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if str(value) not in values:
            close = difflib.get_close_matches(str(value), values, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ValueError(f"{shortened(str(value))!r} is not one of {', '.join(values)}{hint}")
        return str(value)

    return parse


def _flag(value: Any) -> bool:
    text = str(value).lower()
    if text in _TRUE | _FALSE:
        return text in _TRUE
    raise ValueError(f"{value!r} is neither yes nor no")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is not a name" if value else "it is empty")
    return value


def _regular_expression(value: Any) -> str:
    try:
        re.compile(_text(value).encode())  # output is bytes
    except re.error as error:
        raise ValueError(f"{value!r} is not a regular expression: {error}") from None
    return str(value)


_PARSERS: Mapping[str, Callable[[Any], Any]] = {
    "preset": _one_of(*PRESETS),
    "count": _whole(1, MOST_TRIALS),
    "duration": _time(none_allowed=False),
    "workers": _whole(1, MOST_WORKERS),
    "processes": _whole(1, MOST_PROCESSES),
    "isolation": _one_of(*(isolation.value for isolation in Isolation)),
    "timeout": _time(none_allowed=True),
    "grace": _time(none_allowed=False),
    "failfast": _flag,
    "max-failures": _whole(1, MOST_TRIALS),
    "seed": _whole(0, 2**63 - 1),
    "ci-rate": lambda value: parse_rate(str(value)),
    "python": _text,
    "loop": _text,
    "store": _text,
    "keep-runs": _whole(1, 1_000_000),
    "cwd": _text,
    "skip-code": _whole(1, 255),
    "failure": _regular_expression,
    "ignore": _regular_expression,
    "pytest-args": _text,
    "shuffle": _flag,
    "private-home": _flag,
    "drop-failed": _flag,
    "server": _text,
    "settle": lambda value: _text(str(value)),
    "io": _text,
}
_PATHS = {"store", "python", "cwd"}
"""Settings that may be a path: one in pyproject.toml is relative to that file, others to the current folder."""
_NOT_SETTINGS = {"trial", "seed-of-trial", "run", "short", "require-all", "bootstrap-python"}
"""FLAKEPROOF_* names that mean something else than a setting."""
_PROJECT, _ENVIRONMENT, _ASKED = range(3)
_DEFAULT = -1


@dataclass(frozen=True)
class Config:
    """Values by name, parsed, and the place that each one comes from."""

    values: Mapping[str, Any]
    sources: Mapping[str, str]
    """As a user would write them, for messages."""
    layers: Mapping[str, int]
    folder: Path
    """Root of the project: where pyproject.toml is, else the current folder."""

    def get(self, name: str) -> Any:
        """The value of a setting, None if nobody has set it."""
        return self.values.get(name)

    def source(self, name: str) -> str:
        """Where the value of `name` comes from, as a user would write it."""
        return self.sources.get(name, f"--{name}")

    def layer(self, name: str) -> int:
        """How much weight the source of `name` has: of two settings that exclude each other the heavier one wins."""
        return self.layers.get(name, _DEFAULT)

    def is_asked_for(self, name: str) -> bool:
        """Whether `name` was given for this very command."""
        return self.layer(name) == _ASKED


def load(
    asked: Mapping[str, Any],
    environment: Mapping[str, str],
    folder: Path,
    shown: Callable[[str], str] = "--{}".format,
) -> Config:
    """Settings for a command run in `folder`; `asked` holds those of the command, None for not given.

    `shown` writes the name of such a setting for messages. Raises UsageError that names the value and its source.
    """
    root = project_root(folder)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    layers: dict[str, int] = {}
    given: list[tuple[int, Callable[[str], str], Mapping[str, Any]]] = [
        (_PROJECT, "tool.flakeproof.{} in pyproject.toml".format, _from_project(root)),
        (_ENVIRONMENT, lambda name: f"the environment variable {_variable(name)}", _from_environment(environment)),
        (_ASKED, shown, {name: value for name, value in asked.items() if value is not None}),
    ]
    for layer, wording, found in given:
        for name, value in found.items():
            values[name] = _parse(name, value, wording)
            sources[name], layers[name] = wording(name), layer
    return Config(values, sources, layers, root)


def project_root(folder: Path) -> Path:
    """The nearest folder from `folder` upwards that has a pyproject.toml; `folder` itself if none has."""
    for candidate in (folder, *folder.parents):
        if (candidate / "pyproject.toml").is_file():
            return candidate
    return folder


def _parse(name: str, value: Any, wording: Callable[[str], str]) -> Any:
    parser = _PARSERS.get(name)
    if parser is None:
        close = difflib.get_close_matches(name, _PARSERS, n=1)
        hint = f"did you mean {wording(close[0])}?" if close else f"known settings: {', '.join(_PARSERS)}"
        raise UsageError(f"{wording(name)} is not a setting of flakeproof", hint)
    try:
        return parser(value)
    except ValueError as error:
        raise UsageError(f"{wording(name)}: {error}") from None


def _from_project(root: Path) -> dict[str, Any]:
    path = root / "pyproject.toml"
    try:
        tools = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{path} cannot be read: {error}", "mend it, or run from another folder") from None
    table = tools.get("flakeproof", {}) if isinstance(tools, dict) else {}
    if not isinstance(table, dict):
        raise UsageError(f"tool.flakeproof in {path} is not a table")
    found = {name.replace("_", "-"): value for name, value in table.items()}
    for name in _PATHS & found.keys():
        value = found[name]
        if isinstance(value, str) and value and (name != "python" or os.sep in value):
            found[name] = str(root / value)
    return found


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    found = {
        name.removeprefix("FLAKEPROOF_").lower().replace("_", "-"): value
        for name, value in environment.items()
        if name.startswith("FLAKEPROOF_") and value  # an empty one is as good as none
    }
    if "trial" in found:
        # We are inside of a trial: FLAKEPROOF_SEED is that trial's, not a setting.
        found.pop("seed", None)
    return {name: value for name, value in found.items() if name not in _NOT_SETTINGS}


def _variable(name: str) -> str:
    return "FLAKEPROOF_" + name.upper().replace("-", "_")
