"""What a Python program can call: the same as the commands `run` and `plan`."""

import os
import signal
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from flakeproof.errors import ExitCode, Stop, UsageError
from flakeproof.events import AnyEvent
from flakeproof.features.run.plan import Plan, plan
from flakeproof.features.run.recorded_run import conduct, renderers
from flakeproof.reports.files import report_files
from flakeproof.results.summary import Summary
from flakeproof.settings import load as configuration
from flakeproof.settings import table
from flakeproof.settings.build_spec import build, names_of
from flakeproof.settings.keywords import RunKeywords
from flakeproof.store.folder import store_of
from flakeproof.targets.command import CommandLine
from flakeproof.targets.tests import PytestLine, names_tests

__all__ = ["Plan", "Summary", "plan", "pytest_nodes", "run"]


def pytest_nodes(*arguments: str, options: Sequence[str] = ()) -> PytestLine:
    """Tests of pytest as a target for `run`: node ids, files and folders, and options of pytest (`["-k", "cart"]`)."""
    return PytestLine(arguments, options)


def run(
    target: str | Callable[[], object] | Sequence[str] | PytestLine,
    *,
    env: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
    on_event: Callable[[AnyEvent], None] | None = None,
    **options: Unpack[RunKeywords],
) -> Summary:
    """Run `target` as often as asked for and return what came out.

    `target` is a name as on the command line; or a function that can be imported by its module and name (a worker
    process has to find it); or `pytest_nodes(...)`, to which alone `pytest_args` to `drop_failed` apply; or a command
    as a list of its words, to which alone `skip_code` to `env` apply. The options are those of the command line; times
    are seconds or a text like "90s", rates a number between 0 and 1 or a text like "2%", and "none" as `timeout` is
    no limit. FLAKEPROOF_* and [tool.flakeproof] apply where nothing is given. `settings` are a scenario's, e.g.
    `{"server": "leaky"}`. `on_event` hears every event of the run. `junit_xml`, `json` and `markdown`
    are files for reports ("-" is stdout); one that can no longer be written at the end is a RuntimeWarning, and so is a
    `history` that does not take the run.

    Failures of the target are no exception here: look at the summary (`ok`, `failed`, `verdict`). Raises UsageError
    for bad values and CannotRunError if the target cannot be run (both FlakeproofError); KeyboardInterrupt and
    SystemExit if SIGINT or SIGTERM has ended the run, after its record has been written.
    """
    given = _settings(options)
    folder = Path.cwd()
    wanted = _wanted(target, env)
    config = configuration.load(given, os.environ, folder, _argument, names_of(wanted))
    spec = build(wanted, config, settings or {}, folder)
    files = report_files(config)
    sinks = [on_event] if on_event is not None else []
    recorder = None
    if config.get("history") not in (None, False):
        from flakeproof.features.history.after_run import HistoryRecorder

        recorder = HistoryRecorder(config)
    files.prepare()
    try:
        summary = conduct(
            spec, store_of(config), lambda _: sinks, _warn, config.value("keep-runs"), watches_copies=True
        )
    except BaseException:
        files.withdraw()
        raise
    missing = files.write(renderers(summary))
    if recorder is not None and (problem := recorder.record(Path(summary.folder))) is not None:
        missing.append(problem)
    for problem in missing:
        warnings.warn(problem, RuntimeWarning, stacklevel=2)
    if summary.stopped == Stop.INTERRUPTED:
        raise KeyboardInterrupt(signal.SIGINT)
    if summary.stopped == Stop.TERMINATED:
        raise SystemExit(int(ExitCode.TERMINATED))
    return summary


def _argument(name: str) -> str:
    return f"{name.replace('-', '_')}="


def _settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments by the names of their settings. Raises TypeError for one that is none."""
    known = {row.argument_name: row for row in table.settings().values() if row.is_keyword}
    for name in options.keys() - known.keys():
        raise TypeError(f"run() got an unexpected keyword argument {name!r}")
    found: dict[str, Any] = {}
    for name, value in options.items():
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            value = list(value) or None
        found[known[name].name] = value
    return found


def _warn(text: str) -> None:
    warnings.warn(text, RuntimeWarning, stacklevel=4)


def _wanted(
    target: str | Callable[[], object] | Sequence[str] | PytestLine, env: Mapping[str, str] | None
) -> str | CommandLine | PytestLine:
    if isinstance(target, Sequence) and not isinstance(target, str):
        if not target or not target[0]:
            raise UsageError("the command has no words", 'write it like ["./program", "argument"]')
        return CommandLine(target, environment=env or {})
    if env:
        raise UsageError("env= is for commands", "a command is a list of words")
    if isinstance(target, str):
        return PytestLine([target]) if names_tests([target], Path.cwd()) else target
    return target if isinstance(target, PytestLine) else _name_of(target)


def _name_of(function: Callable[[], object]) -> str:
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", "")
    if not module or module == "__main__" or "<" in name or not name:
        raise UsageError(
            f"{function!r} cannot be imported by a worker process",
            "define it at the top level of a module and pass it, or its name 'module:function'",
        )
    return f"{module}:{name}"
