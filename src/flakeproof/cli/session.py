"""What `run`, `stress` and `replay` have in common: settings in, a run on the console, its exit code out."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flakeproof import config as configuration
from flakeproof.config import Config
from flakeproof.errors import UsageError
from flakeproof.model import RunSpec
from flakeproof.reports import lines
from flakeproof.reports.live import LiveConsole
from flakeproof.reports.plain import PlainConsole
from flakeproof.reports.terminal import wants_live
from flakeproof.reports.writer import Writer, standard
from flakeproof.session import conduct
from flakeproof.store.folder import KEPT_RUNS, NAME, Store
from flakeproof.summary import Summary, to_json


def settings(options: Mapping[str, Any]) -> Config:
    """The settings of this command; a flag that was not given is not a setting."""
    given = {name.replace("_", "-"): value for name, value in options.items() if value is not False}
    return configuration.load(given, os.environ, Path.cwd())


def pairs(given: list[str] | None) -> dict[str, str]:
    """`NAME=VALUE` as a dictionary. Raises UsageError."""
    found: dict[str, str] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise UsageError(f"--set {text!r} is not NAME=VALUE", "write it like --set io=threads")
        found[name] = value
    return found


def store_of(config: Config) -> Store:
    """The store that `config` names."""
    named = config.get("store")
    return Store(Path(named).absolute() if named else config.folder / NAME)


def perform(spec: RunSpec, config: Config, *, json_to: str | None = None) -> Summary:
    """Run `spec` in front of the user; `json_to` is a file for the summary, `-` for stdout."""
    if json_to is not None and json_to != "-":
        _check_writable(Path(json_to))
    writers: list[Writer] = []

    def sinks(folder: Path) -> list[Any]:
        writer = standard(folder / "output.log", results_to_stderr=json_to == "-")
        writers.append(writer)
        _announce(spec, writer)
        if wants_live(sys.stderr):
            from rich.console import Console

            return [LiveConsole(writer, Console(stderr=True))]
        return [PlainConsole(writer)]

    try:
        summary = conduct(
            spec,
            store_of(config),
            sinks,
            lambda text: print(f"warning: {text}", file=sys.stderr),
            config.get("keep-runs") or KEPT_RUNS,
        )
        for line in ["", *lines.results(summary)]:
            writers[0].result(line)
        writers[0].note(f"The record of this run is in {_shown(summary.folder)}")
    finally:
        for writer in writers:
            writer.close()
    if json_to == "-":
        sys.stdout.buffer.write(to_json(summary))
        sys.stdout.flush()
    elif json_to is not None:
        Path(json_to).write_bytes(to_json(summary))
    return summary


def _announce(spec: RunSpec, writer: Writer) -> None:
    target = spec.target
    values = ", ".join(f"{name} {value}" for name, value in target.arguments.items())
    plan = f"{spec.count:,} tests" if spec.count is not None else f"tests for {spec.duration:g}s"
    if spec.count is not None and spec.duration is not None:
        plan += f" or {spec.duration:g}s"
    writer.note(
        f"{target.name}{f' ({values})' if values else ''}: {plan}, {spec.workers} at once "
        f"in {spec.processes} process{'es' if spec.processes != 1 else ''}, "
        f"isolation {spec.isolation.value}, seed {spec.seed}"
    )


def _shown(folder: str) -> str:
    try:
        return str(Path(folder).relative_to(Path.cwd()))
    except ValueError:
        return folder


def _check_writable(path: Path) -> None:
    """Find out before the run that a report cannot be written. Raises UsageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        existed = path.exists()
        with path.open("ab"):
            pass
        if not existed:
            path.unlink()
    except OSError as error:
        raise UsageError(
            f"--json {path}: {error.strerror}", "name a file that can be written, or - for stdout"
        ) from None
