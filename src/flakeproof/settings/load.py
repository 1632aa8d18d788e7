"""Settings and where they come from: command line, FLAKEPROOF_*, [tool.flakeproof] in pyproject.toml, defaults."""

import difflib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flakeproof.errors import UsageError
from flakeproof.model import SANITIZERS, Isolation
from flakeproof.perturbations.registry import KINDS
from flakeproof.settings import pyproject as project_file
from flakeproof.settings.presets import PRESETS
from flakeproof.settings.pyproject import TABLE
from flakeproof.text import parse_duration, parse_flag, parse_rate, parse_share, parse_whole, shortened
from flakeproof_worker.sanitize.allowlist import Allowed

Parser = Callable[[Any], Any]

MOST_TRIALS = 10**12
MOST_WORKERS = 10_000
MOST_PROCESSES = 1_000
_LONGEST = 366 * 86400.0
_SHORTEST_TIMEOUT = 0.05
"""Seconds between two looks at what runs (`engine.dispatcher`): a shorter limit could not be kept."""


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


def _timeout(value: Any) -> float | None:
    seconds = _time(none_allowed=True)(value)
    if seconds is not None and seconds < _SHORTEST_TIMEOUT:
        raise ValueError(
            f"{value!r} is too short: running tests are looked at every {1000 * _SHORTEST_TIMEOUT:g}ms; "
            f"ask for at least that, or assert in the test how long it takes"
        )
    return seconds


def _one_of(*values: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if str(value) not in values:
            close = difflib.get_close_matches(str(value), values, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ValueError(f"{shortened(str(value))!r} is not one of {', '.join(values)}{hint}")
        return str(value)

    return parse


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


def _sanitizers(value: Any) -> list[str]:
    """`all`, or names separated by commas; a list in pyproject.toml."""
    found: set[str] = set()
    for name in _listed(value):
        if name not in ("all", "none", *SANITIZERS):
            close = difflib.get_close_matches(name, ("all", *SANITIZERS), n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ValueError(f"{shortened(name)!r} is not one of all, {', '.join(SANITIZERS)}{hint}")
        found |= set(SANITIZERS) if name == "all" else {name}
    if "none" in found and len(found) > 1:
        raise ValueError(f"{value!r}: `none` goes with no other")
    return sorted(found - {"none"})


def _patterns(value: Any) -> list[str]:
    found = _listed(value)
    try:
        Allowed(found)
    except ValueError as error:
        raise ValueError(f"{value!r}: {error}") from None
    return found


def _listed(value: Any) -> list[str]:
    parts = value if isinstance(value, list) else str(value).split(",")
    found = [str(part).strip() for part in parts]
    if not all(found) or not found:
        raise ValueError(f"{value!r} has an empty name")
    return found


_PARSERS: Mapping[str, Parser] = {
    "preset": _one_of(*PRESETS),
    "count": _whole(1, MOST_TRIALS),
    "duration": _time(none_allowed=False),
    "workers": _whole(1, MOST_WORKERS),
    "processes": _whole(1, MOST_PROCESSES),
    "isolation": _one_of(*(isolation.value for isolation in Isolation)),
    "timeout": _timeout,
    "grace": _time(none_allowed=False),
    "failfast": parse_flag,
    "max-failures": _whole(1, MOST_TRIALS),
    "seed": _whole(0, 2**63 - 1),
    "ci-rate": lambda value: parse_rate(str(value)),
    "junit-xml": _text,
    "json": _text,
    "markdown": _text,
    "color-output": parse_flag,
    "until-confident": parse_flag,
    "rate": parse_share,
    "error": parse_share,
    "max-rate": parse_share,
    "process-rate": parse_share,
    "confidence": parse_share,
    **{name: kind.parse for name, kind in KINDS.items()},
    "best-effort": parse_flag,
    "python": _text,
    "loop": _text,
    "sanitize": _sanitizers,
    "fail-on-leak": parse_flag,
    "leak-settle": _time(none_allowed=False),
    "allow-leak": _patterns,
    "store": _text,
    "keep-runs": _whole(1, 1_000_000),
    "cwd": _text,
    "skip-code": _whole(1, 255),
    "failure": _regular_expression,
    "ignore": _regular_expression,
    "pytest-args": _text,
    "shuffle": parse_flag,
    "private-home": parse_flag,
    "session-fixtures": _one_of("each", "once"),
    "private-network": parse_flag,
    "drop-failed": parse_flag,
    "tolerate-load-failures": parse_flag,
    "server": _text,
    "settle": lambda value: _text(str(value)),
    "io": _text,
}
NAMES = tuple(_PARSERS)
"""Of all settings."""
_NOT_SETTINGS = {"trial", "seed-of-trial", "run", "short", "require-all", "bootstrap-python"}
"""FLAKEPROOF_* names that mean something else than a setting."""
_NOT_IN_TRIALS = ("seed", "junit-xml", "json", "markdown")
"""Inside of a trial FLAKEPROOF_SEED is that of the trial, and the reports are those of the run around it."""
_PROJECT, _PRESET, _OVERRIDE, _ENVIRONMENT, _ASKED = range(5)
_DEFAULT = -1
_LARGEST = 2**127


@dataclass(frozen=True)
class Config:
    """Values by name, parsed, and the place that each one comes from."""

    values: Mapping[str, Any]
    sources: Mapping[str, str]
    """As a user would write them, for messages."""
    layers: Mapping[str, int]
    folder: Path
    """Root of the project: where pyproject.toml is, else the current folder."""
    preset: str | None = None
    """The preset that was chosen; where it is one of the project's own, the value `preset` is what it is based on."""

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


@dataclass(frozen=True)
class _Layer:
    """Settings of one source."""

    weight: int
    wording: Callable[[str], str]
    """From the name of a setting to how a user would write it there."""
    values: Mapping[str, Any]
    also: Sequence[str] = ()
    """What else may stand there, for hints."""


def load(
    asked: Mapping[str, Any],
    environment: Mapping[str, str],
    folder: Path,
    shown: Callable[[str], str] = "--{}".format,
    targets: Sequence[str] = (),
) -> Config:
    """Settings for a command run in `folder`; `asked` holds those of the command, None for not given.

    `shown` writes the name of such a setting for messages; `targets` are the names of what is run, for the settings
    that the project has for some of them. Raises UsageError that names the value and its source.
    """
    project = project_file.read(project_root(folder))
    parsers = {**_PARSERS, "preset": _one_of(*PRESETS, *project.presets)}
    presets = {name: _of_preset(name, values) for name, values in project.presets.items()}
    overrides = [(override, _of_override(override)) for override in project.overrides]
    for layer in (*presets.values(), *(layer for _, layer in overrides)):
        _merged([layer], parsers)  # a mistake is told at once, not first on the day it would matter
    layers = [
        _Layer(_PROJECT, f"{TABLE}.{{}} in pyproject.toml".format, project.settings, ("presets", "overrides")),
        *(layer for override, layer in reversed(overrides) if override.fits(targets)),
        _Layer(
            _ENVIRONMENT,
            lambda name: f"the environment variable {_variable(name)}",
            _from_environment(environment),
        ),
        _Layer(_ASKED, shown, {name: value for name, value in asked.items() if value is not None}),
    ]
    found = _merged(layers, parsers)
    chosen = found["preset"][0] if "preset" in found else None
    if chosen in presets:
        chain = project.bases(chosen)
        own = [presets[name] for name in reversed(chain) if name in presets]
        found = _merged(sorted([*layers, *own], key=lambda layer: layer.weight), parsers)
        found["preset"] = (chain[-1] if chain[-1] in PRESETS else None, *found["preset"][1:])
    return Config(
        values={name: value for name, (value, _, _) in found.items() if name != "preset" or value is not None},
        sources={name: source for name, (_, source, _) in found.items()},
        layers={name: weight for name, (_, _, weight) in found.items()},
        folder=project.root,
        preset=chosen,
    )


def project_root(folder: Path) -> Path:
    """The nearest folder from `folder` upwards that has a pyproject.toml; `folder` itself if none has."""
    for candidate in (folder, *folder.parents):
        if (candidate / "pyproject.toml").is_file():
            return candidate
    return folder


def _merged(layers: Sequence[_Layer], parsers: Mapping[str, Parser]) -> dict[str, tuple[Any, str, int]]:
    """Value, source and weight of each setting; later layers win. Raises UsageError."""
    return {
        name: (_parse(name, value, layer, parsers), layer.wording(name), layer.weight)
        for layer in layers
        for name, value in layer.values.items()
    }


def _of_preset(preset: str, values: Mapping[str, Any]) -> _Layer:
    wording = f"{TABLE}.presets.{preset}.{{}} in pyproject.toml".format
    return _Layer(_PRESET, wording, {name: value for name, value in values.items() if name != "base"}, ("base",))


def _of_override(override: project_file.Override) -> _Layer:
    return _Layer(_OVERRIDE, lambda name: f"{override.place}.{name} in pyproject.toml", override.settings, ("test",))


def _parse(name: str, value: Any, layer: _Layer, parsers: Mapping[str, Parser]) -> Any:
    parser = parsers.get(name)
    if parser is None:
        close = difflib.get_close_matches(name, [*parsers, *layer.also], n=1)
        hint = f"did you mean {layer.wording(close[0])}?" if close else f"known settings: {', '.join(parsers)}"
        raise UsageError(f"{layer.wording(name)} is not a setting of flakeproof", hint)
    try:
        _refuse_what_is_no_setting(value)
        return parser(value)
    except ValueError as error:
        raise UsageError(f"{layer.wording(name)}: {error}") from None


def _refuse_what_is_no_setting(value: Any) -> None:
    """Raise ValueError for what no parser has to expect: such numbers cannot even be shown, nor such names be used."""
    for one in value if isinstance(value, list | tuple) else [value]:
        if isinstance(one, int) and abs(one) > _LARGEST:
            raise ValueError(f"a number of {one.bit_length():,} bits is more than anything here can be")
        if isinstance(one, str) and "\0" in one:
            raise ValueError(f"{shortened(one)!r} has a null character")


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    found = {
        name.removeprefix("FLAKEPROOF_").lower().replace("_", "-"): value
        for name, value in environment.items()
        if name.startswith("FLAKEPROOF_") and value  # an empty one is as good as none
    }
    if "trial" in found:
        for name in _NOT_IN_TRIALS:
            found.pop(name, None)
    return {name: value for name, value in found.items() if name not in _NOT_SETTINGS}


def _variable(name: str) -> str:
    return "FLAKEPROOF_" + name.upper().replace("-", "_")
