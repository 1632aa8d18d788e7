"""Settings and where they come from: command line, FLAKEPROOF_*, [tool.flakeproof] in pyproject.toml, defaults."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flakeproof.errors import UsageError
from flakeproof.settings import pyproject as project_file
from flakeproof.settings import table, values
from flakeproof.settings.presets import PRESETS
from flakeproof.settings.pyproject import TABLE
from flakeproof.settings.table import Setting
from flakeproof.settings.values import ValueKind
from flakeproof.text import shortened

_NOT_SETTINGS = {"trial", "seed-of-trial", "run", "short", "require-all", "bootstrap-python"}
"""FLAKEPROOF_* names that mean something else than a setting."""
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

    def value(self, name: str, command: str = "") -> Any:
        """The value of a setting: where nobody has set it, its default, which may be another one in a `command`."""
        return self.values[name] if name in self.values else table.default_of(name, command)

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
    known = {name: row.value for name, row in table.settings().items()}
    known["preset"] = values.one_of(lambda: [*PRESETS, *project.presets])
    presets = {name: _of_preset(name, values) for name, values in project.presets.items()}
    overrides = [(override, _of_override(override)) for override in project.overrides]
    for layer in (*presets.values(), *(layer for _, layer in overrides)):
        _merged([layer], known)  # a mistake is told at once, not first on the day it would matter
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
    found = _merged(layers, known)
    chosen = found["preset"][0] if "preset" in found else None
    if chosen in presets:
        chain = project.bases(chosen)
        own = [presets[name] for name in reversed(chain) if name in presets]
        found = _merged(sorted([*layers, *own], key=lambda layer: layer.weight), known)
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


def _merged(layers: Sequence[_Layer], known: Mapping[str, ValueKind]) -> dict[str, tuple[Any, str, int]]:
    """Value, source and weight of each setting; later layers win. Raises UsageError."""
    return {
        name: (_parse(name, value, layer, known), layer.wording(name), layer.weight)
        for layer in layers
        for name, value in layer.values.items()
    }


def _of_preset(preset: str, values: Mapping[str, Any]) -> _Layer:
    wording = f"{TABLE}.presets.{preset}.{{}} in pyproject.toml".format
    return _Layer(_PRESET, wording, {name: value for name, value in values.items() if name != "base"}, ("base",))


def _of_override(override: project_file.Override) -> _Layer:
    return _Layer(_OVERRIDE, lambda name: f"{override.place}.{name} in pyproject.toml", override.settings, ("test",))


def _parse(name: str, value: Any, layer: _Layer, known: Mapping[str, ValueKind]) -> Any:
    kind = known.get(name)
    if kind is None:
        close = difflib.get_close_matches(name, [*known, *layer.also], n=1)
        hint = f"did you mean {layer.wording(close[0])}?" if close else f"known settings: {', '.join(known)}"
        raise UsageError(f"{layer.wording(name)} is not a setting of flakeproof", hint)
    try:
        _refuse_what_is_no_setting(value)
        return kind.parse(value)
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
        found = {name: value for name, value in found.items() if not _is_of_run(name)}
    return {name: value for name, value in found.items() if name not in _NOT_SETTINGS}


def _is_of_run(name: str) -> bool:
    row: Setting | None = table.TABLE.get(name)
    return row is not None and row.of_run


def _variable(name: str) -> str:
    return "FLAKEPROOF_" + name.upper().replace("-", "_")
