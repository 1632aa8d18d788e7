"""Settings and where they come from: command line, FLAKEPROOF_*, [tool.flakeproof] in pyproject.toml, defaults."""

import difflib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flakeproof.errors import UsageError
from flakeproof.model import Isolation
from flakeproof.presets import PRESETS
from flakeproof.text import parse_duration, parse_rate

MOST_TRIALS = 10**12
MOST_WORKERS = 10_000
MOST_PROCESSES = 1_000
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        try:
            found = int(str(value).replace(",", "").replace("_", ""))
        except ValueError:
            raise ValueError(f"{value!r} is not a whole number") from None
        if not least <= found <= most:
            raise ValueError(f"{found:,} is not between {least:,} and {most:,}")
        return found

    return parse


def _time(*, none_allowed: bool) -> Callable[[Any], float | None]:
    def parse(value: Any) -> float | None:
        if none_allowed and str(value).lower() == "none":
            return None
        seconds = parse_duration(str(value))
        if seconds <= 0:
            raise ValueError(f"{value!r} is no time at all" + ("; `none` is no limit" if none_allowed else ""))
        if seconds > 366 * 86400:
            raise ValueError(f"{value!r} is more than a year")
        return seconds

    return parse


def _one_of(*values: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if str(value) not in values:
            close = difflib.get_close_matches(str(value), values, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ValueError(f"{value!r} is not one of {', '.join(values)}{hint}")
        return str(value)

    return parse


def _flag(value: Any) -> bool:
    text = str(value).lower()
    if text in _TRUE | _FALSE:
        return text in _TRUE
    raise ValueError(f"{value!r} is neither yes nor no")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is not a text")
    return value


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
    "server": _text,
    "settle": lambda value: _text(str(value)),
    "io": _text,
}
_NOT_SETTINGS = {"trial", "seed-of-trial", "run", "short", "require-all"}
"""FLAKEPROOF_* names that mean something else than a setting."""


@dataclass(frozen=True)
class Config:
    """Values by name, parsed, and the place that each one comes from, for messages."""

    values: Mapping[str, Any]
    sources: Mapping[str, str]
    folder: Path
    """Root of the project: where pyproject.toml is, else the current folder."""

    def get(self, name: str) -> Any:
        """The value of a setting, None if nobody has set it."""
        return self.values.get(name)

    def source(self, name: str) -> str:
        """Where the value of `name` comes from, as a user would write it."""
        return self.sources.get(name, f"--{name}")


def load(command_line: Mapping[str, Any], environment: Mapping[str, str], folder: Path) -> Config:
    """Settings for a command run in `folder`; None on the command line means not given.

    Raises UsageError that names the value and its source.
    """
    root = project_root(folder)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    layers = [
        ("tool.flakeproof.{} in pyproject.toml", _from_project(root)),
        ("the environment variable {}", _from_environment(environment)),
        ("--{}", {name: value for name, value in command_line.items() if value is not None}),
    ]
    for wording, layer in layers:
        for name, value in layer.items():
            shown = wording.format(_variable(name) if "environment" in wording else name)
            values[name] = _parse(name, value, shown)
            sources[name] = shown
    return Config(values, sources, root)


def project_root(folder: Path) -> Path:
    """The nearest folder from `folder` upwards that has a pyproject.toml; `folder` itself if none has."""
    for candidate in (folder, *folder.parents):
        if (candidate / "pyproject.toml").is_file():
            return candidate
    return folder


def _parse(name: str, value: Any, source: str) -> Any:
    parser = _PARSERS.get(name)
    if parser is None:
        close = difflib.get_close_matches(name, _PARSERS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known settings: {', '.join(_PARSERS)}"
        raise UsageError(f"{source} is not a setting of flakeproof", hint)
    try:
        return parser(value)
    except ValueError as error:
        raise UsageError(f"{source}: {error}") from None


def _from_project(root: Path) -> dict[str, Any]:
    path = root / "pyproject.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("flakeproof", {})
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{path} cannot be read: {error}", "mend it, or run from another folder") from None
    if not isinstance(table, dict):
        raise UsageError(f"tool.flakeproof in {path} is not a table")
    return {name.replace("_", "-"): value for name, value in table.items()}


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    found = {
        name.removeprefix("FLAKEPROOF_").lower().replace("_", "-"): value
        for name, value in environment.items()
        if name.startswith("FLAKEPROOF_")
    }
    if "trial" in found:
        # We are inside of a trial: FLAKEPROOF_SEED is that trial's, not a setting.
        found.pop("seed", None)
    return {name: value for name, value in found.items() if name not in _NOT_SETTINGS}


def _variable(name: str) -> str:
    return "FLAKEPROOF_" + name.upper().replace("-", "_")
