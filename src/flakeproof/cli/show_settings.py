"""All settings, with where each one comes from."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from flakeproof.errors import CannotRunError, ExitCode
from flakeproof.model import Record
from flakeproof.reports.files import Document
from flakeproof.scenarios.catalogue import SCENARIOS
from flakeproof.settings import presets, table
from flakeproof.settings.build_spec import length
from flakeproof.settings.from_options import settings
from flakeproof.settings.load import Config
from flakeproof.text import shown_path

SCHEMA_VERSION = 1
_DEFAULT = "default"


class ShownSetting(Record, frozen=True, kw_only=True):
    """One setting."""

    name: str
    value: str | int | float | bool | list[str] | None
    """Times in seconds, rates between 0 and 1; None where nobody has set it, and for `none`."""
    source: str
    default: str
    """In words."""


class ShownSettings(Record, frozen=True, kw_only=True):
    """All of them."""

    schema_version: int = SCHEMA_VERSION
    project: str | None
    """Path of pyproject.toml, if there is one."""
    targets: list[str]
    preset: str
    settings: list[ShownSetting]


def show_settings(targets: Sequence[str], given: Mapping[str, Any], json_to: str | None) -> int:
    """Print the settings for `targets` under the options `given`; return the exit code. Raises UsageError."""
    config = settings(given, targets)
    rows = [_row(name, config, targets) for name in table.settings()]
    path = config.folder / "pyproject.toml"
    if json_to is None:
        place = shown_path(str(path)) if path.is_file() else "none here nor above"
        print(f"pyproject.toml: {place}", file=sys.stderr)
        for line in _table(rows):
            print(line)
        return ExitCode.GOOD
    document = Document("--json", json_to)
    document.prepare()
    found = ShownSettings(
        project=str(path) if path.is_file() else None,
        targets=list(targets),
        preset=config.preset or presets.DEFAULT,
        settings=rows,
    )
    try:
        document.write(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    except OSError as error:
        raise CannotRunError(f"the settings cannot be written to {json_to}: {error.strerror}") from None
    return ExitCode.GOOD


def _row(name: str, config: Config, targets: Sequence[str]) -> ShownSetting:
    value, source = _value(name, config, targets)
    return ShownSetting(name=name, value=value, source=source, default=table.TABLE[name].words)


def _value(name: str, config: Config, targets: Sequence[str]) -> tuple[Any, str]:
    """What a run would go by, and what says so."""
    chosen = config.preset or presets.DEFAULT
    preset = presets.PRESETS[config.get("preset") or presets.DEFAULT]
    if name == "preset":
        return chosen, config.source(name) if config.preset else _DEFAULT
    if name == "count":
        count, _ = length(config, preset.count)
        if count is None:
            return None, config.source("duration")
        return count, config.source(name) if name in config.values else f"preset {_built_in(config)}"
    if name in config.values:
        return config.values[name], config.source(name)
    if name == "workers" and preset.workers is not None:
        return preset.workers, f"preset {_built_in(config)}"
    if (scenario := SCENARIOS.get(targets[0] if len(targets) == 1 else "")) is not None:
        of_scenario: dict[str, Any] = {key: setting.default for key, setting in scenario.settings.items()}
        of_scenario |= {"workers": scenario.workers, "ci-rate": scenario.ci_rate}
        if name in of_scenario:
            return of_scenario[name], f"scenario {scenario.name}"
    return None, _DEFAULT


def _built_in(config: Config) -> str:
    return str(config.get("preset") or presets.DEFAULT)


def _table(rows: list[ShownSetting]) -> Iterator[str]:
    shown = [("setting", "value", "source")]
    for row in rows:
        # That all of it comes out of the file of the line above need not be said in each line.
        source = row.source.removeprefix("the environment variable ").replace(" in pyproject.toml", "")
        shown.append((row.name, _text(row), source))
    widths = [max(len(cells[column]) for cells in shown) for column in (0, 1)]
    for name, value, source in shown:
        yield f"{name:<{widths[0]}}  {value:<{widths[1]}}  {source}"


def _text(row: ShownSetting) -> str:
    value = row.value
    if value is None:
        return row.default if row.source == _DEFAULT else "no limit"
    return table.TABLE[row.name].value.show(value)
