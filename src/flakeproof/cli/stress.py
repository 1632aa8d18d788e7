"""`flakeproof stress`: the original kit's modes; `run_stress_test.sh` is this command."""

from typing import Annotated

import typer

from flakeproof.cli import options


def stress(
    mode: Annotated[
        str,
        typer.Argument(
            help="ci or 0, fast or 1, parallel or 2, full or 3, all, a test of the original kit, or any target.",
            metavar="MODE",
        ),
    ] = "ci",
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
    sanitize: options.Sanitize = None,
    fail_on_leak: options.FailOnLeak = False,
    leak_settle: options.LeakSettle = None,
    allow_leak: options.AllowLeak = None,
    server: options.Server = None,
    settle: options.Settle = None,
    set_: options.Set = None,
    ci_rate: options.CiRate = None,
    junit_xml: options.JUnitXml = None,
    json: options.Json = None,
    markdown: options.Markdown = None,
    store: options.StoreFolder = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Stress-test the scenario tcprtt (or any target) in one of the original kit's modes.

    ci 2,000 tests; fast 1,000; parallel 250,000 with 50 workers; full 100,000 with 20; all: the four in this order.
    Tests of the kit: TestTCPRTTStressCI, ...StressFast, ...StressParallel, TestTCPRTTStress.
    """
    given = dict(locals())
    from flakeproof.features.run.stress import stress_mode
    from flakeproof.reports.writer import Detail

    for name in ("mode", "set_", "quiet", "verbose"):
        given.pop(name)
    raise typer.Exit(stress_mode(mode, given, set_, Detail.of(quiet=quiet, verbose=verbose)))
