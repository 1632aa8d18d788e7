"""What a Python program can call: the same as the commands `run` and `plan`."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flakeproof import config as configuration
from flakeproof.errors import UsageError
from flakeproof.events import AnyEvent
from flakeproof.planning import Plan, plan
from flakeproof.runspec import build
from flakeproof.session import conduct
from flakeproof.store.folder import KEPT_RUNS, NAME, Store
from flakeproof.summary import Summary

__all__ = ["Plan", "Summary", "plan", "run"]


def run(
    target: str | Callable[[], object],
    *,
    settings: Mapping[str, str] | None = None,
    on_event: Callable[[AnyEvent], None] | None = None,
    **options: Any,
) -> Summary:
    """Run `target` as often as asked for and return what came out.

    `target` is a name as on the command line, or a function that can be imported by its module and name (a worker
    process has to find it). `settings` are a scenario's. `options` are those of the command line with underscores:
    `count`, `duration` (seconds or "90s"), `workers`, `processes`, `isolation`, `timeout`, `failfast`,
    `max_failures`, `seed`, `preset`, `ci_rate`, `python`, `loop`, `store`; FLAKEPROOF_* and pyproject.toml apply
    where nothing is given. `on_event` hears every event.

    Raises UsageError for bad values, CannotRunError if the target cannot be run (both FlakeproofError), and
    KeyboardInterrupt if the run was interrupted, after its record has been written.
    """
    folder = Path.cwd()
    given = {name.replace("_", "-"): value for name, value in options.items()}
    config = configuration.load(given, os.environ, folder)
    spec = build(target if isinstance(target, str) else _name_of(target), config, settings or {}, folder)
    store = Store(Path(config.get("store") or config.folder / NAME))
    sinks = [on_event] if on_event is not None else []
    warnings: list[str] = []
    summary = conduct(spec, store, lambda _: sinks, warnings.append, config.get("keep-runs") or KEPT_RUNS)
    if summary.stopped == "interrupted":
        raise KeyboardInterrupt
    return summary


def _name_of(function: Callable[[], object]) -> str:
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", "")
    if not module or module == "__main__" or "<" in name or not name:
        raise UsageError(
            f"{function!r} cannot be imported by a worker process",
            "define it at the top level of a module and pass it, or its name 'module:function'",
        )
    return f"{module}:{name}"
