"""What a Python program can call: the same as the commands `run` and `plan`."""

import os
import signal
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict, Unpack

from flakeproof.errors import ExitCode, UsageError
from flakeproof.events import AnyEvent
from flakeproof.features.run.plan import Plan, plan
from flakeproof.features.run.recorded_run import conduct
from flakeproof.reports.files import of_run, report_files
from flakeproof.results.summary import Summary
from flakeproof.results.verdict import INTERRUPTED, TERMINATED
from flakeproof.settings import load as configuration
from flakeproof.settings.build_spec import build, names_of
from flakeproof.store.folder import KEPT_RUNS, store_of
from flakeproof.targets.command import CommandLine
from flakeproof.targets.tests import PytestLine, names_tests

__all__ = ["Plan", "Summary", "plan", "pytest_nodes", "run"]


class Provoking(TypedDict, total=False):
    """The perturbations of `run`, written as on the command line."""

    delay: str | Sequence[str] | None
    race: bool | None
    noise: str | None
    cpus: int | None
    cpu_quota: float | str | None
    nice: int | None
    freeze: str | None
    clock: str | None
    gc: int | None
    max_fds: int | None
    ports: int | None
    temp_space: int | str | None
    reverse: bool | None
    hash_seed: int | str | None
    random_seed: int | str | None
    timezone: str | None
    locale: str | None
    network: str | None
    best_effort: bool | None


def pytest_nodes(*arguments: str, options: Sequence[str] = ()) -> PytestLine:
    """Tests of pytest as a target for `run`: node ids, files and folders, and options of pytest (`["-k", "cart"]`)."""
    return PytestLine(arguments, options)


def run(
    target: str | Callable[[], object] | Sequence[str] | PytestLine,
    *,
    preset: str | None = None,
    count: int | None = None,
    duration: float | str | None = None,
    workers: int | None = None,
    processes: int | None = None,
    isolation: str | None = None,
    timeout: float | str | None = None,
    grace: float | str | None = None,
    failfast: bool | None = None,
    max_failures: int | None = None,
    until_confident: bool | None = None,
    rate: float | str | None = None,
    error: float | str | None = None,
    process_rate: float | str | None = None,
    seed: int | None = None,
    ci_rate: float | str | None = None,
    python: str | os.PathLike[str] | None = None,
    loop: str | None = None,
    sanitize: str | Sequence[str] | None = None,
    fail_on_leak: bool | None = None,
    leak_settle: float | str | None = None,
    allow_leak: str | Sequence[str] | None = None,
    pytest_args: str | None = None,
    shuffle: bool | None = None,
    private_home: bool | None = None,
    session_fixtures: str | None = None,
    private_network: bool | None = None,
    drop_failed: bool | None = None,
    tolerate_load_failures: bool | None = None,
    skip_code: int | None = None,
    failure: str | None = None,
    ignore: str | None = None,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    junit_xml: str | os.PathLike[str] | None = None,
    json: str | os.PathLike[str] | None = None,
    markdown: str | os.PathLike[str] | None = None,
    store: str | os.PathLike[str] | None = None,
    settings: Mapping[str, str] | None = None,
    on_event: Callable[[AnyEvent], None] | None = None,
    **provoking: Unpack[Provoking],
) -> Summary:
    """Run `target` as often as asked for and return what came out.

    `target` is a name as on the command line; or a function that can be imported by its module and name (a worker
    process has to find it); or `pytest_nodes(...)`, to which alone `pytest_args` to `drop_failed` apply; or a command
    as a list of its words, to which alone `skip_code` to `env` apply. The options are those of the command line; times
    are seconds or a text like "90s", rates a number between 0 and 1 or a text like "2%", and "none" as `timeout` is
    no limit. FLAKEPROOF_* and [tool.flakeproof] apply where nothing is given. `settings` are a scenario's, e.g.
    `{"server": "leaky"}`. `on_event` hears every event of the run. `junit_xml`, `json` and `markdown`
    are files for reports ("-" is stdout); one that can no longer be written at the end is a RuntimeWarning.

    Failures of the target are no exception here: look at the summary (`ok`, `failed`, `verdict`). Raises UsageError
    for bad values and CannotRunError if the target cannot be run (both FlakeproofError); KeyboardInterrupt and
    SystemExit if SIGINT or SIGTERM has ended the run, after its record has been written.
    """
    for name in provoking.keys() - Provoking.__annotations__.keys():
        raise TypeError(f"run() got an unexpected keyword argument {name!r}")
    options = {
        "preset": preset,
        "count": count,
        "duration": duration,
        "workers": workers,
        "processes": processes,
        "isolation": isolation,
        "timeout": timeout,
        "grace": grace,
        "failfast": failfast,
        "max-failures": max_failures,
        "until-confident": until_confident,
        "rate": rate,
        "error": error,
        "process-rate": process_rate,
        "seed": seed,
        "ci-rate": ci_rate,
        **{name.replace("_", "-"): value for name, value in provoking.items() if value not in (None, [], ())},
        "python": _path(python),
        "loop": loop,
        "sanitize": sanitize if sanitize is None or isinstance(sanitize, str) else list(sanitize),
        "fail-on-leak": fail_on_leak,
        "leak-settle": leak_settle,
        "allow-leak": allow_leak if allow_leak is None or isinstance(allow_leak, str) else list(allow_leak),
        "pytest-args": pytest_args,
        "shuffle": shuffle,
        "private-home": private_home,
        "session-fixtures": session_fixtures,
        "private-network": private_network,
        "drop-failed": drop_failed,
        "tolerate-load-failures": tolerate_load_failures,
        "skip-code": skip_code,
        "failure": failure,
        "ignore": ignore,
        "cwd": _path(cwd),
        "junit-xml": _path(junit_xml),
        "json": _path(json),
        "markdown": _path(markdown),
        "store": _path(store),
    }
    folder = Path.cwd()
    wanted = _wanted(target, env)
    config = configuration.load(options, os.environ, folder, _argument, names_of(wanted))
    spec = build(wanted, config, settings or {}, folder)
    files = report_files(config)
    sinks = [on_event] if on_event is not None else []
    files.prepare()
    try:
        summary = conduct(
            spec, store_of(config), lambda _: sinks, _warn, config.get("keep-runs") or KEPT_RUNS, watches_copies=True
        )
    except BaseException:
        files.withdraw()
        raise
    for problem in files.write(of_run(summary)):
        warnings.warn(problem, RuntimeWarning, stacklevel=2)
    if summary.stopped == INTERRUPTED:
        raise KeyboardInterrupt(signal.SIGINT)
    if summary.stopped == TERMINATED:
        raise SystemExit(int(ExitCode.TERMINATED))
    return summary


def _argument(name: str) -> str:
    return f"{name.replace('-', '_')}="


def _path(given: str | os.PathLike[str] | None) -> str | None:
    return None if given is None else os.fspath(given)


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
