"""From settings and a target to the specification of a run: every default is decided here."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from flakeproof import presets
from flakeproof.config import Config
from flakeproof.errors import UsageError
from flakeproof.model import Isolation, RunSpec
from flakeproof.scenarios.catalogue import Scenario
from flakeproof.targets.resolve import resolve, scenario_of

_SCENARIO_SETTINGS = ("server", "settle", "io")
_DEFAULT_TIMEOUT = 300.0
_DEFAULT_GRACE = 2.0


def build(target_name: str, config: Config, extra: Mapping[str, str], folder: Path) -> RunSpec:
    """The run of `target_name` under `config`; `extra` holds settings of a scenario given by name.

    Raises UsageError.
    """
    scenario = scenario_of(target_name)
    target = resolve(
        target_name,
        {**_scenario_settings(config, scenario), **extra},
        folder,
        python=config.get("python"),
        loop=config.get("loop"),
    )
    preset_name = config.get("preset")
    duration = config.get("duration")
    # A time alone is a complete plan; it must not be cut short by the default preset.
    preset = presets.PRESETS[preset_name or presets.DEFAULT]
    count = config.get("count") or (None if duration is not None and preset_name is None else preset.count)
    workers, processes = _places(config, scenario, preset.workers)
    timeout = config.get("timeout") if "timeout" in config.values else _DEFAULT_TIMEOUT
    seed = config.get("seed")
    return RunSpec(
        target=target,
        preset=preset_name or (presets.DEFAULT if count == preset.count else None),
        count=count,
        duration=duration,
        workers=workers,
        processes=processes,
        isolation=Isolation(config.get("isolation") or Isolation.SHARED),
        timeout=timeout,
        grace=config.get("grace") or _DEFAULT_GRACE,
        max_failures=_max_failures(config),
        seed=secrets.randbits(32) if seed is None else seed,
        ci_rate=config.get("ci-rate") if "ci-rate" in config.values else scenario.ci_rate if scenario else None,
    )


def _scenario_settings(config: Config, scenario: Scenario | None) -> dict[str, str]:
    given = {name: str(config.get(name)) for name in _SCENARIO_SETTINGS if name in config.values}
    if scenario is None:
        # Only what was said for this very command can be a mistake; the project's settings are for its scenarios.
        return {name: value for name, value in given.items() if config.source(name).startswith("--")}
    return given


def _places(config: Config, scenario: Scenario | None, preset_workers: int | None) -> tuple[int, int]:
    """How many workers, in how many processes."""
    cores = len(os.sched_getaffinity(0))
    workers, processes = config.get("workers"), config.get("processes")
    if workers is not None and processes is not None and processes > workers:
        raise UsageError(
            f"{config.source('processes')} {processes} is more than {config.source('workers')} {workers}: "
            "each process holds at least one worker",
            f"ask for at least {processes} workers or at most {workers} processes",
        )
    if workers is None:
        fitting = scenario.workers if scenario else cores
        workers = max(preset_workers or fitting, processes or 1)
    if processes is None:
        company = scenario.workers_per_process if scenario else 1
        processes = max(1, min(cores, workers // company))
    return workers, processes


def _max_failures(config: Config) -> int | None:
    most: int | None = config.get("max-failures")
    if not config.get("failfast"):
        return most
    if most is not None and most > 1:
        raise UsageError(
            f"{config.source('failfast')} stops at the first failure, {config.source('max-failures')} {most} later",
            "give one of the two",
        )
    return 1
