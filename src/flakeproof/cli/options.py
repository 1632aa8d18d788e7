"""Options that mean the same in every command. Values are read as text and parsed by `flakeproof.settings.load`."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from flakeproof.cli.help import COUNTS, HOW, HOW_MUCH, REPORTS, SCENARIO, WATCH, WHAT


def text_option(
    *names: str,
    help: str,  # noqa: A002 - Typer's own word
    panel: str,
    metavar: str,
    values: Sequence[str] = (),
) -> object:
    """An option whose value is a text, None by default; a shell completes `values`."""
    complete = (lambda: list(values)) if values else None
    return typer.Option(
        *names, help=help, rich_help_panel=panel, metavar=metavar, show_default=False, autocompletion=complete
    )


def recorded_runs() -> list[str]:
    """What a shell completes for a run: the ids of those in the usual folder, the newest first."""
    with suppress(OSError):
        return ["latest", *sorted((path.name for path in Path(".flakeproof", "runs").iterdir()), reverse=True)]
    return ["latest"]


Preset = Annotated[
    str | None,
    text_option(
        "--preset",
        help="ci (2,000 tests), fast (1,000), parallel (250,000), full (100,000), or one of your own.",
        panel=HOW_MUCH,
        metavar="NAME",
        values=("ci", "fast", "parallel", "full"),
    ),
]
Count = Annotated[str | None, text_option("-c", "--count", help="Tests to run.", panel=HOW_MUCH, metavar="N")]
Duration = Annotated[
    str | None,
    text_option("--duration", help="Start no further test after this time.", panel=HOW_MUCH, metavar="90s"),
]
Failfast = Annotated[
    bool, typer.Option("-x", "--failfast", help="Stop at the first failure.", rich_help_panel=HOW_MUCH)
]
MaxFailures = Annotated[
    str | None, text_option("--max-failures", help="Stop after so many failures.", panel=HOW_MUCH, metavar="N")
]
UntilConfident = Annotated[
    bool,
    typer.Option(
        "--until-confident",
        help="Stop as soon as it is known whether the failure rate is below --rate.",
        rich_help_panel=HOW_MUCH,
    ),
]
Rate = Annotated[
    str | None,
    text_option("--rate", help="That rate: 2%, 0.02 or 3/200. [the CI rate]", panel=HOW_MUCH, metavar="RATE"),
]
Error = Annotated[
    str | None,
    text_option("--error", help="Probability that the answer may be wrong with. [5%]", panel=HOW_MUCH, metavar="P"),
]
SpentCount = Annotated[
    str | None, text_option("-c", "--count", help="Tests to spend, both arms together.", panel=HOW_MUCH, metavar="N")
]
SpentTime = Annotated[
    str | None, text_option("--duration", help="Time to spend. [10m, if no --count]", panel=HOW_MUCH, metavar="90s")
]
VerdictError = Annotated[
    str | None,
    text_option("--error", help="Probability that the verdict may be wrong with. [1%]", panel=HOW_MUCH, metavar="P"),
]
Reduction = Annotated[
    str | None,
    text_option(
        "--reduction",
        help="What makes failing less than so many times rarer is no fix. [10]",
        panel=HOW_MUCH,
        metavar="N",
    ),
]
Confirm = Annotated[
    str | None,
    text_option(
        "--confirm",
        help="Once it is fixed: run the fix as usual, without -w, --set and the like, until this rate is ruled out.",
        panel=HOW_MUCH,
        metavar="RATE",
    ),
]
Resume = Annotated[
    str | None,
    text_option(
        "--resume",
        help="Go on with the evidence of an earlier comparison: its run, or `latest`.",
        panel=HOW_MUCH,
        metavar="RUN",
    ),
]
MaxRate = Annotated[
    str | None,
    text_option(
        "--max-rate", help="Failure rate that is allowed: 0.1%, 0.001 or 1/1000.", panel=HOW_MUCH, metavar="RATE"
    ),
]
ProcessRate = Annotated[
    str | None,
    text_option(
        "--process-rate",
        help="Rate that is allowed for what a process fixes once and its forks share: hash seed, imports, addresses. "
        "[that of --max-rate or --rate, 1% at least]",
        panel=HOW_MUCH,
        metavar="RATE",
    ),
]
Confidence = Annotated[
    str | None,
    text_option(
        "--confidence", help="Probability that the answer is to be right with. [95%]", panel=HOW_MUCH, metavar="P"
    ),
]
Workers = Annotated[str | None, text_option("-w", "--workers", help="Tests in flight at once.", panel=HOW, metavar="N")]
Processes = Annotated[
    str | None, text_option("--processes", help="Processes that the workers share out.", panel=HOW, metavar="N")
]
Isolation = Annotated[
    str | None,
    text_option(
        "--isolation",
        help="shared: tests share processes; fork: each in a fork; fresh: each in a new interpreter.",
        panel=HOW,
        metavar="HOW",
        values=("shared", "fork", "fresh"),
    ),
]
Timeout = Annotated[
    str | None,
    text_option(
        "--timeout",
        help="Limit for one test; `none` for no limit. [20 × usual, at least 10s]",
        panel=HOW,
        metavar="TIME",
    ),
]
Grace = Annotated[
    str | None,
    text_option(
        "--grace",
        help="Time between asking a process to end and killing it. [2s]",
        panel=HOW,
        metavar="TIME",
    ),
]
Seed = Annotated[str | None, text_option("--seed", help="Seed of the run. [drawn and printed]", panel=HOW, metavar="N")]
Python = Annotated[
    str | None, text_option("--python", help="Interpreter of the code under test.", panel=WHAT, metavar="PATH")
]
Loop = Annotated[
    str | None,
    text_option(
        "--loop",
        help="Event loop for async tests, e.g. uvloop:new_event_loop.",
        panel=WHAT,
        metavar="MODULE:FUNCTION",
    ),
]
Sanitize = Annotated[
    str | None,
    text_option(
        "--sanitize",
        help="Watch what tests do with descriptors, and what they leave behind: all, descriptors or leaks.",
        panel=WATCH,
        metavar="NAMES",
    ),
]
FailOnLeak = Annotated[
    bool,
    typer.Option("--fail-on-leak", help="A test that leaves something behind has failed.", rich_help_panel=WATCH),
]
LeakSettle = Annotated[
    str | None,
    text_option(
        "--leak-settle",
        help="Time that what a test leaves behind has to end by itself. [100ms]",
        panel=WATCH,
        metavar="TIME",
    ),
]
AllowLeak = Annotated[
    str | None,
    text_option(
        "--allow-leak",
        help="What may be left behind: patterns such as thread:*heartbeat*, separated by commas.",
        panel=WATCH,
        metavar="PATTERNS",
    ),
]
Keyword = Annotated[
    str | None, text_option("-k", help="Only tests that match, as for pytest.", panel=WHAT, metavar="EXPRESSION")
]
Marker = Annotated[
    str | None,
    text_option("-m", help="Only tests with these markers, as for pytest.", panel=WHAT, metavar="EXPRESSION"),
]
PytestArguments = Annotated[
    str | None,
    text_option("--pytest-args", help="Any options of pytest, in one argument.", panel=WHAT, metavar='"ARG…"'),
]
Shuffle = Annotated[
    bool, typer.Option("--shuffle", help="Another order of the tests in each pass.", rich_help_panel=HOW)
]
PrivateNetwork = Annotated[
    bool | None,
    typer.Option(
        "--private-network/--no-private-network",
        help="A network of its own for each test. [if the first binds a fixed port]",
        rich_help_panel=HOW,
        show_default=False,
    ),
]
PrivateHome = Annotated[
    bool, typer.Option("--private-home", help="A home folder of its own for each pass.", rich_help_panel=HOW)
]
SessionFixtures = Annotated[
    str | None,
    text_option(
        "--session-fixtures",
        help="With --isolation fork: once sets fixtures of the session up in a process, before its forks. [each]",
        panel=HOW,
        metavar="each|once",
    ),
]
DropFailed = Annotated[
    bool,
    typer.Option("--drop-failed", help="Do not repeat a test that has failed once.", rich_help_panel=HOW_MUCH),
]
TolerateLoadFailures = Annotated[
    bool,
    typer.Option(
        "--tolerate-load-failures",
        help="Processes that cannot load the target count for nothing, as long as others can.",
        rich_help_panel=COUNTS,
    ),
]
ResumeRun = Annotated[
    str | None,
    text_option(
        "--resume",
        help="Run what is missing of this run (`latest`, an id), with its settings, as part of it.",
        panel=HOW_MUCH,
        metavar="RUN",
    ),
]
SkipCode = Annotated[
    str | None,
    text_option("--skip-code", help="Exit status that means skipped, e.g. 125.", panel=COUNTS, metavar="N"),
]
Failure = Annotated[
    str | None,
    text_option("--failure", help="Count only failures whose output matches.", panel=COUNTS, metavar="RE"),
]
Ignore = Annotated[
    str | None,
    text_option("--ignore", help="Do not count failures whose output matches.", panel=COUNTS, metavar="RE"),
]
WorkingFolder = Annotated[
    str | None, text_option("--cwd", help="Folder in which the command runs.", panel=WHAT, metavar="DIR")
]
Environment = Annotated[
    list[str] | None,
    text_option(
        "--env",
        help="Variable for the command, `NAME` with its present value; may be repeated.",
        panel=WHAT,
        metavar="NAME=VALUE",
    ),
]
Shell = Annotated[
    bool,
    typer.Option("--shell", help="What follows -- is one line for /bin/sh.", rich_help_panel=WHAT),
]
Server = Annotated[
    str | None, text_option("--server", help="fixed, or leaky: before the fix.", panel=SCENARIO, metavar="NAME")
]
Settle = Annotated[
    str | None,
    text_option("--settle", help="Wait between dial and write; 0ms provokes. [5ms]", panel=SCENARIO, metavar="TIME"),
]
Set = Annotated[
    list[str] | None,
    text_option("--set", help="Any setting of the scenario, e.g. io=threads.", panel=SCENARIO, metavar="NAME=VALUE"),
]
CiRate = Annotated[
    str | None,
    text_option(
        "--ci-rate",
        help="Failure rate seen in CI, for the failures to expect.",
        panel=SCENARIO,
        metavar="RATE",
    ),
]
JUnitXml = Annotated[
    str | None,
    text_option("--junit-xml", help="Write JUnit XML, one case per test; - is stdout.", panel=REPORTS, metavar="FILE"),
]
Json = Annotated[
    str | None,
    text_option("--json", help="Write the summary as JSON; - is stdout.", panel=REPORTS, metavar="FILE"),
]
Markdown = Annotated[
    str | None,
    text_option("--markdown", help="Write Markdown for a pull request; - is stdout.", panel=REPORTS, metavar="FILE"),
]
ColorOutput = Annotated[
    bool,
    typer.Option(
        "--color-output", help="Keep the colours of what tests print, on a terminal.", rich_help_panel=REPORTS
    ),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Run what a record says that was not made by you on this machine.",
        rich_help_panel=HOW,
    ),
]
StoreFolder = Annotated[
    str | None, text_option("--store", help="Where runs are recorded. [.flakeproof]", panel=REPORTS, metavar="DIR")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print the verdict alone.", rich_help_panel=REPORTS)]
Verbose = Annotated[
    bool,
    typer.Option(
        "-v",
        "--verbose",
        help="Print every failure, all of it, and how numbers were computed.",
        rich_help_panel=REPORTS,
    ),
]
