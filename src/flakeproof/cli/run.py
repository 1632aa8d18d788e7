"""`flakeproof run`."""

from typing import Annotated

import typer

from flakeproof.cli import options


def run(
    context: typer.Context,
    target: Annotated[
        str | None,
        typer.Argument(
            help="tcprtt, or a function as pkg.module:function; or -- COMMAND ARG…",
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
    from flakeproof.runspec import build

    for name in ("context", "target", "env", "shell", "set_"):
        given.pop(name)
    wanted = target_of(target, context.obj, env, shell=shell)
    config = settings(given, wanted)
    spec = build(wanted, config, pairs("--set", set_), Path.cwd())
    session = Session(spec, config, report_files(config))
    summary = session.run()
    session.print_results(summary)
    raise typer.Exit(session.finish(summary))
