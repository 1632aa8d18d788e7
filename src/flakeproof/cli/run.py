"""`flakeproof run`."""

from typing import Annotated

import typer

from flakeproof.cli import options


def run(
    context: typer.Context,
    target: Annotated[
        list[str] | None,
        typer.Argument(
            help="tests/test_x.py::test_y …, a function as pkg.module:function, tcprtt, or -- COMMAND ARG…",
            metavar="TARGET",
            show_default=False,
        ),
    ] = None,
    preset: options.Preset = None,
    count: options.Count = None,
    duration: options.Duration = None,
    failfast: options.Failfast = False,
    max_failures: options.MaxFailures = None,
    workers: options.Workers = None,
    processes: options.Processes = None,
    isolation: options.Isolation = None,
    timeout: options.Timeout = None,
    grace: options.Grace = None,
    seed: options.Seed = None,
    python: options.Python = None,
    loop: options.Loop = None,
    keyword: options.Keyword = None,
    marker: options.Marker = None,
    pytest_args: options.PytestArguments = None,
    shuffle: options.Shuffle = False,
    private_home: options.PrivateHome = False,
    drop_failed: options.DropFailed = False,
    skip_code: options.SkipCode = None,
    failure: options.Failure = None,
    ignore: options.Ignore = None,
    cwd: options.WorkingFolder = None,
    env: options.Environment = None,
    shell: options.Shell = False,
    server: options.Server = None,
    settle: options.Settle = None,
    set_: options.Set = None,
    ci_rate: options.CiRate = None,
    junit_xml: options.JUnitXml = None,
    json: options.Json = None,
    markdown: options.Markdown = None,
    store: options.StoreFolder = None,
) -> None:
    """Run a target many times and tell how often it fails.

    Exit status: 0 nothing failed, 1 failures, 2 usage, 3 could not run, 5 nothing has run, 130 and 143 interrupted.
    """
    given = dict(locals())
    from pathlib import Path

    from flakeproof.cli.session import Session, pairs, settings, target_of
    from flakeproof.reports.files import report_files
    from flakeproof.runspec import build, names_of

    for name in ("context", "target", "keyword", "marker", "env", "shell", "set_"):
        given.pop(name)
    selected = {"-k": keyword, "-m": marker}
    wanted = target_of(target or [], context.obj, selected, pytest_args is not None, env, shell=shell)
    config = settings(given, names_of(wanted))
    spec = build(wanted, config, pairs("--set", set_), Path.cwd())
    session = Session(spec, config, report_files(config))
    summary = session.run()
    session.print_results(summary)
    raise typer.Exit(session.finish(summary))
