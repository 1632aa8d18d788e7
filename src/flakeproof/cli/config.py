"""`flakeproof config`."""

from typing import Annotated, Any

import typer

from flakeproof.cli import options
from flakeproof.cli.perturbation_options import provocable


@provocable
def config(
    target: Annotated[
        list[str] | None,
        typer.Argument(
            help="What would be run: adds the settings that the project has for it.",
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
    max_rate: options.MaxRate = None,
    process_rate: options.ProcessRate = None,
    confidence: options.Confidence = None,
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
    pytest_args: options.PytestArguments = None,
    shuffle: options.Shuffle = False,
    private_home: options.PrivateHome = False,
    session_fixtures: options.SessionFixtures = None,
    private_network: options.PrivateNetwork = None,
    drop_failed: options.DropFailed = False,
    color_output: options.ColorOutput = False,
    tolerate_load_failures: options.TolerateLoadFailures = False,
    skip_code: options.SkipCode = None,
    failure: options.Failure = None,
    ignore: options.Ignore = None,
    cwd: options.WorkingFolder = None,
    server: options.Server = None,
    settle: options.Settle = None,
    ci_rate: options.CiRate = None,
    junit_xml: options.JUnitXml = None,
    json: Annotated[
        str | None,
        typer.Option("--json", help="Write the settings as JSON; - is stdout.", metavar="FILE", show_default=False),
    ] = None,
    markdown: options.Markdown = None,
    store: options.StoreFolder = None,
    **provoking: Any,
) -> None:
    """Print every setting, its value, and where that comes from.

    With the options of `run`: what they would change.
    """
    given = dict(locals())
    given |= given.pop("provoking")
    from flakeproof.cli.show_settings import show_settings

    for name in ("target", "json"):
        given.pop(name)
    raise typer.Exit(show_settings(target or [], given, json))
