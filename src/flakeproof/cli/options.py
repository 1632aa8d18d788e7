"""Options that mean the same in every command. Values are read as text and parsed by `flakeproof.settings.load`."""

from typing import Annotated

import typer

_HOW_MUCH, _HOW, _WATCHING, _TESTS, _COMMAND, _SCENARIO, _REPORTS = (
    "How much",
    "How",
    "Sanitizers",
    "Tests of pytest",
    "Commands",
    "Scenario settings",
    "Reports",
)


def text_option(*names: str, help: str, panel: str, metavar: str) -> object:  # noqa: A002 - Typer's own word
    """An option whose value is a text, None by default."""
    return typer.Option(*names, help=help, rich_help_panel=panel, metavar=metavar, show_default=False)


Preset = Annotated[
    str | None,
    text_option(
        "--preset",
        help="ci (2,000 tests), fast (1,000), parallel (250,000), full (100,000), or one of your own.",
        panel=_HOW_MUCH,
        metavar="NAME",
    ),
]
Count = Annotated[str | None, text_option("-c", "--count", help="Tests to run.", panel=_HOW_MUCH, metavar="N")]
Duration = Annotated[
    str | None,
    text_option("--duration", help="Start no further test after this time.", panel=_HOW_MUCH, metavar="90s"),
]
Failfast = Annotated[
    bool, typer.Option("-x", "--failfast", help="Stop at the first failure.", rich_help_panel=_HOW_MUCH)
]
MaxFailures = Annotated[
    str | None, text_option("--max-failures", help="Stop after so many failures.", panel=_HOW_MUCH, metavar="N")
]
UntilConfident = Annotated[
    bool,
    typer.Option(
        "--until-confident",
        help="Stop as soon as it is known whether the failure rate is below --rate.",
        rich_help_panel=_HOW_MUCH,
    ),
]
Rate = Annotated[
    str | None,
    text_option("--rate", help="That rate: 2%, 0.02 or 3/200. [the CI rate]", panel=_HOW_MUCH, metavar="RATE"),
]
Error = Annotated[
    str | None,
    text_option("--error", help="Probability that the answer may be wrong with. [5%]", panel=_HOW_MUCH, metavar="P"),
]
SpentCount = Annotated[
    str | None, text_option("-c", "--count", help="Tests to spend, both arms together.", panel=_HOW_MUCH, metavar="N")
]
SpentTime = Annotated[
    str | None, text_option("--duration", help="Time to spend. [10m, if no --count]", panel=_HOW_MUCH, metavar="90s")
]
VerdictError = Annotated[
    str | None,
    text_option("--error", help="Probability that the verdict may be wrong with. [1%]", panel=_HOW_MUCH, metavar="P"),
]
Reduction = Annotated[
    str | None,
    text_option(
        "--reduction",
        help="What makes failing less than so many times rarer is no fix. [10]",
        panel=_HOW_MUCH,
        metavar="N",
    ),
]
Confirm = Annotated[
    str | None,
    text_option(
        "--confirm",
        help="Once it is fixed: run the fix as usual, without -w, --set and the like, until this rate is ruled out.",
        panel=_HOW_MUCH,
        metavar="RATE",
    ),
]
Resume = Annotated[
    str | None,
    text_option(
        "--resume",
        help="Go on with the evidence of an earlier comparison: its run, or `latest`.",
        panel=_HOW_MUCH,
        metavar="RUN",
    ),
]
MaxRate = Annotated[
    str | None,
    text_option(
        "--max-rate", help="Failure rate that is allowed: 0.1%, 0.001 or 1/1000.", panel=_HOW_MUCH, metavar="RATE"
    ),
]
Confidence = Annotated[
    str | None,
    text_option(
        "--confidence", help="Probability that the answer is to be right with. [95%]", panel=_HOW_MUCH, metavar="P"
    ),
]
Workers = Annotated[
    str | None, text_option("-w", "--workers", help="Tests in flight at once.", panel=_HOW, metavar="N")
]
Processes = Annotated[
    str | None, text_option("--processes", help="Processes that the workers share out.", panel=_HOW, metavar="N")
]
Isolation = Annotated[
    str | None,
    text_option(
        "--isolation",
        help="shared: tests share processes; fork: each in a fork; fresh: each in a new interpreter.",
        panel=_HOW,
        metavar="HOW",
    ),
]
Timeout = Annotated[
    str | None,
    text_option(
        "--timeout",
        help="Limit for one test; `none` for no limit. [20 × usual, at least 10s]",
        panel=_HOW,
        metavar="TIME",
    ),
]
Grace = Annotated[
    str | None,
    text_option(
        "--grace",
        help="Time between asking a process to end and killing it. [2s]",
        panel=_HOW,
        metavar="TIME",
    ),
]
Seed = Annotated[
    str | None, text_option("--seed", help="Seed of the run. [drawn and printed]", panel=_HOW, metavar="N")
]
Python = Annotated[
    str | None, text_option("--python", help="Interpreter of the code under test.", panel=_HOW, metavar="PATH")
]
Loop = Annotated[
    str | None,
    text_option(
        "--loop",
        help="Event loop for async tests, e.g. uvloop:new_event_loop.",
        panel=_HOW,
        metavar="MODULE:FUNCTION",
    ),
]
Sanitize = Annotated[
    str | None,
    text_option(
        "--sanitize",
        help="Watch what tests do with descriptors, and what they leave behind: all, descriptors or leaks.",
        panel=_WATCHING,
        metavar="NAMES",
    ),
]
FailOnLeak = Annotated[
    bool,
    typer.Option("--fail-on-leak", help="A test that leaves something behind has failed.", rich_help_panel=_WATCHING),
]
LeakSettle = Annotated[
    str | None,
    text_option(
        "--leak-settle",
        help="Time that what a test leaves behind has to end by itself. [100ms]",
        panel=_WATCHING,
        metavar="TIME",
    ),
]
AllowLeak = Annotated[
    str | None,
    text_option(
        "--allow-leak",
        help="What may be left behind: patterns such as thread:*heartbeat*, separated by commas.",
        panel=_WATCHING,
        metavar="PATTERNS",
    ),
]
Keyword = Annotated[
    str | None, text_option("-k", help="Only tests that match, as for pytest.", panel=_TESTS, metavar="EXPRESSION")
]
Marker = Annotated[
    str | None,
    text_option("-m", help="Only tests with these markers, as for pytest.", panel=_TESTS, metavar="EXPRESSION"),
]
PytestArguments = Annotated[
    str | None,
    text_option("--pytest-args", help="Any options of pytest, in one argument.", panel=_TESTS, metavar='"ARG…"'),
]
Shuffle = Annotated[
    bool, typer.Option("--shuffle", help="Another order of the tests in each pass.", rich_help_panel=_TESTS)
]
PrivateNetwork = Annotated[
    bool | None,
    typer.Option(
        "--private-network/--no-private-network",
        help="A network of its own for each test. [if the first binds a fixed port]",
        rich_help_panel=_HOW,
        show_default=False,
    ),
]
PrivateHome = Annotated[
    bool, typer.Option("--private-home", help="A home folder of its own for each pass.", rich_help_panel=_TESTS)
]
DropFailed = Annotated[
    bool,
    typer.Option("--drop-failed", help="Do not repeat a test that has failed once.", rich_help_panel=_TESTS),
]
SkipCode = Annotated[
    str | None,
    text_option("--skip-code", help="Exit status that means skipped, e.g. 125.", panel=_COMMAND, metavar="N"),
]
Failure = Annotated[
    str | None,
    text_option("--failure", help="Count only failures whose output matches.", panel=_COMMAND, metavar="RE"),
]
Ignore = Annotated[
    str | None,
    text_option("--ignore", help="Do not count failures whose output matches.", panel=_COMMAND, metavar="RE"),
]
WorkingFolder = Annotated[
    str | None, text_option("--cwd", help="Folder in which the command runs.", panel=_COMMAND, metavar="DIR")
]
Environment = Annotated[
    list[str] | None,
    text_option("--env", help="Variable for the command; may be repeated.", panel=_COMMAND, metavar="NAME=VALUE"),
]
Shell = Annotated[
    bool,
    typer.Option("--shell", help="What follows -- is one line for /bin/sh.", rich_help_panel=_COMMAND),
]
Server = Annotated[
    str | None, text_option("--server", help="fixed, or leaky: before the fix.", panel=_SCENARIO, metavar="NAME")
]
Settle = Annotated[
    str | None,
    text_option("--settle", help="Wait between dial and write; 0ms provokes. [5ms]", panel=_SCENARIO, metavar="TIME"),
]
Set = Annotated[
    list[str] | None,
    text_option("--set", help="Any setting of the scenario, e.g. io=threads.", panel=_SCENARIO, metavar="NAME=VALUE"),
]
CiRate = Annotated[
    str | None,
    text_option(
        "--ci-rate",
        help="Failure rate seen in CI, for the failures to expect.",
        panel=_REPORTS,
        metavar="RATE",
    ),
]
JUnitXml = Annotated[
    str | None,
    text_option("--junit-xml", help="Write JUnit XML, one case per test; - is stdout.", panel=_REPORTS, metavar="FILE"),
]
Json = Annotated[
    str | None,
    text_option("--json", help="Write the summary as JSON; - is stdout.", panel=_REPORTS, metavar="FILE"),
]
Markdown = Annotated[
    str | None,
    text_option("--markdown", help="Write Markdown for a pull request; - is stdout.", panel=_REPORTS, metavar="FILE"),
]
StoreFolder = Annotated[
    str | None, text_option("--store", help="Where runs are recorded. [.flakeproof]", panel=_REPORTS, metavar="DIR")
]
