"""`flakeproof run`."""

from typing import Annotated, Any

import typer

from flakeproof.cli import options
from flakeproof.cli.perturbation_options import provocable


@provocable
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
    until_confident: options.UntilConfident = False,
    rate: options.Rate = None,
    error: options.Error = None,
    process_rate: options.ProcessRate = None,
    workers: options.Workers = None,
    processes: options.Processes = None,
    isolation: options.Isolation = None,
    timeout: options.Timeout = None,
    grace: options.Grace = None,
    seed: options.Seed = None,
    python: options.Python = None,
    loop: options.Loop = None,
    sanitize: options.Sanitize = None,
    fail_on_leak: options.FailOnLeak = False,
    leak_settle: options.LeakSettle = None,
    allow_leak: options.AllowLeak = None,
    keyword: options.Keyword = None,
    marker: options.Marker = None,
    pytest_args: options.PytestArguments = None,
    shuffle: options.Shuffle = False,
    private_home: options.PrivateHome = False,
    session_fixtures: options.SessionFixtures = None,
    private_network: options.PrivateNetwork = None,
    drop_failed: options.DropFailed = False,
    tolerate_load_failures: options.TolerateLoadFailures = False,
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
    color_output: options.ColorOutput = False,
    store: options.StoreFolder = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    resume: options.ResumeRun = None,
    trust: options.Trust = False,
    **provoking: Any,
) -> None:
    """Run a target many times and tell how often it fails.

    Exit status: 0 nothing failed, 1 failures, 2 usage, 3 could not run, 4 not decided, 5 nothing has run, 130 and 143
    interrupted.
    """
    given = dict(locals())
    given |= given.pop("provoking")
    if (earlier := given.pop("resume")) is not None:
        from flakeproof.features.run.report_command import resume_run

        command = given.pop("context").obj
        raise typer.Exit(resume_run(earlier, given | {"command": command}))
    del given["trust"]
    from flakeproof.features.run.command import run_target

    raise typer.Exit(run_target(given))
