"""The commands that run a target, plan a run or look at a test: `run gate stress plan show replay`, and `ci`."""

from typing import TYPE_CHECKING, Any

import typer

from flakeproof.cli.signature import CONTEXT, RUN, TARGET, argument, recorded_runs, takes
from flakeproof.settings.table import HOW_MUCH, WHAT, Setting
from flakeproof.settings.values import FLAG, TEXT

if TYPE_CHECKING:
    from flakeproof.errors import Stop
    from flakeproof.events import StateLookedFor
    from flakeproof.features.run.session import RunKeeper
    from flakeproof.model import RunSpec
    from flakeproof.settings.load import Config


def _recorder_of(config: "Config") -> "RunKeeper | None":
    """Who adds the runs of a command to the history, where that is configured."""
    if config.get("history") in (None, False):
        return None
    from flakeproof.features.history.after_run import HistoryRecorder

    return HistoryRecorder(config)


def _what_stays(spec: "RunSpec", item: str, seconds: float | None) -> "tuple[StateLookedFor, Stop | None]":
    """What stays of a test that cannot run twice in one process."""
    from flakeproof.features.isolate.staying_state import what_stays

    return what_stays(spec, item, seconds)


@takes("run", arguments=(CONTEXT, TARGET))
def run(**given: Any) -> None:
    """Run a target many times and tell how often it fails.

    Exit status: 0 nothing failed, 1 failures, 2 usage, 3 could not run, 4 not decided, 5 nothing has run, 130 and 143
    interrupted.
    """
    if given["resume_run"] is not None:
        from flakeproof.features.run.command import resume_run

        raise typer.Exit(resume_run(given["resume_run"], given, _recorder_of))
    from flakeproof.features.run.command import run_target

    raise typer.Exit(run_target(given, _recorder_of, _what_stays))


_CHANGED = Setting(
    "changed", TEXT, "Only tests of pytest that were added or touched since the branch left BASE.", WHAT, "BASE"
)


@takes("gate", _CHANGED, arguments=(CONTEXT, TARGET))
def gate(**given: Any) -> None:
    """Run a target until it is known whether its failure rate is below the one that is allowed.

    Exit status: 0 it is below, 1 it is above, 4 not decided within the tests or the time given; 2 usage, 3 could not
    run, 5 nothing has run, 130 and 143 interrupted.
    """
    from flakeproof.features.run.command import run_target

    raise typer.Exit(run_target(given, _recorder_of, _what_stays, is_gate=True))


_MODE = argument(
    "mode",
    str,
    "ci",
    help="ci or 0, fast or 1, parallel or 2, full or 3, all, a test of the original kit, or any target.",
    metavar="MODE",
)


@takes("stress", arguments=(_MODE,))
def stress(mode: str, **given: Any) -> None:
    """Stress-test the scenario tcprtt (or any target) in one of the original kit's modes.

    ci 2,000 tests; fast 1,000; parallel 250,000 with 50 workers; full 100,000 with 20; all: the four in this order.
    Tests of the kit: TestTCPRTTStressCI, ...StressFast, ...StressParallel, TestTCPRTTStress.
    """
    from flakeproof.features.run.stress import stress_mode

    raise typer.Exit(stress_mode(mode, given, _recorder_of))


_OWN = (
    Setting("rate", TEXT, "Failure rate: 2%, 0.02 or 3/200.", metavar="RATE"),
    Setting("seen", TEXT, "Failures and tests so far, like 3/200: the rate is only estimated.", metavar="K/N"),
    Setting("confidence", TEXT, "Probability wanted to see a failure. [99.99%]", metavar="P"),
    Setting("count", TEXT, "Tell what so many tests show, instead.", metavar="N", flags=("-c", "--count")),
    Setting("json", FLAG, "Print the plan as JSON."),
)


@takes("plan", *_OWN)
def plan(**given: Any) -> None:
    """Tell how many tests it takes to see a flake, or what a number of tests shows.

    Without any option: the presets, for a flake that fails 2% of the time.
    """
    from flakeproof.features.run.plan import answer

    for line in answer(**given):
        print(line)
    raise typer.Exit


_RUN_SHOW = argument(
    "run",
    str,
    "latest",
    help="`latest`, the id of a run, its beginning, or a folder.",
    metavar="[RUN]",
    autocompletion=recorded_runs,
)
_TRIAL_SHOW = argument(
    "trial",
    str | None,
    None,
    help="Number of a test, as printed with its failure.",
    metavar="[TEST]",
    show_default=False,
)


@takes("show", arguments=(_RUN_SHOW, _TRIAL_SHOW))
def show(run: str, trial: str | None, **given: Any) -> None:
    """Show what an earlier run has found: its results, and each distinct failure with traceback and output.

    With the number of a test: all that is recorded of that one. Nothing is run.

    Exit status: 0 shown, 2 usage, 5 there is no run.
    """
    from flakeproof.features.run.show import show_run

    raise typer.Exit(show_run(run, trial, given))


_TRIAL_REPLAY = argument(
    "trial", str, help="Number of the test, as printed with its failure.", metavar="TEST", show_default=False
)


@takes("replay", arguments=(RUN, _TRIAL_REPLAY))
def replay(run: str, trial: str, **given: Any) -> None:
    """Run one test of an earlier run again, under the same seed and settings, and show all of it.

    A failure that needs company (a race among tests that share a process) may not show alone. `latest` means the
    newest run that is not itself a replay. --python runs it with another interpreter than the run had. The record has
    no values of `--env`: they are taken from the environment, or given again. What a record has run that was not made
    here is run only if you say so.

    Exit status: 0 it passed, 1 it failed, 2 usage, 3 could not run, 5 there is no run.
    """
    from flakeproof.features.run.replay import replay_trial

    raise typer.Exit(replay_trial(run, trial, given))


_FILES = argument(
    "files",
    list[str] | None,
    None,
    help="What the job has left: its log, a JUnit file, a folder or a zip of those; the address of a run of GitHub.",
    metavar="FILE",
    show_default=False,
)
_OF_CI = (
    Setting("show", FLAG, "Tell what is known of the job, and run nothing.", HOW_MUCH),
    Setting("test", TEXT, "Which test, where several failed.", WHAT, "ID"),
    Setting("session", TEXT, "Which session of a test runner, where there are several: 1, 2 …", WHAT, "N"),
    Setting("capture", FLAG, "Print what to configure in CI so that the next red job can be reproduced.", WHAT),
)


@takes("ci", *_OF_CI, arguments=(_FILES,))
def ci(**given: Any) -> None:
    """Make the failure of a CI job happen here, from its log, its reports or its address alone.

    The job is run again as it was: its commit, order, workers, seeds, time zone; then with less and less of that, and
    with what makes flaky tests fail. Nothing that a log says is executed.

    Exit status: 0 the job is green, 1 reproduced or broken, 4 not reproduced, 2 usage, 3 could not run, 130 and 143
    interrupted.
    """
    from flakeproof.features.ci.command import from_ci

    raise typer.Exit(from_ci(given))
