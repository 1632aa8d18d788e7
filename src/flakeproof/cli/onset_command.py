"""`flakeproof bisect`: options of `run`, and what is for a search through commits."""

from typing import Any

import typer

from flakeproof.cli.signature import CONTEXT, TARGET, takes
from flakeproof.settings.table import HOW, HOW_MUCH, WHAT, Setting
from flakeproof.settings.values import FLAG, TEXT, TEXTS

_OWN = (
    Setting("good", TEXT, "Revision before: it fails there rarely or never.", WHAT, "REV"),
    Setting("bad", TEXT, "Revision after: it fails there.", WHAT, "REV"),
    Setting("fixed", FLAG, "Look for the commit that made it fail less often: --good fails, --bad is mended.", WHAT),
    Setting(
        "build",
        TEXT,
        "Command that builds a commit before its tests; if it fails, the commit is skipped.",
        HOW,
        "COMMAND",
    ),
    Setting(
        "sync",
        TEXT,
        "Command that installs what a commit needs, before the build; a .venv that it makes there is used.",
        HOW,
        "COMMAND",
    ),
    Setting("build-timeout", TEXT, "Time that --sync and --build may take each. [15m]", HOW, "TIME"),
    Setting(
        "tests-from",
        TEXT,
        "Take the tests of this revision to every commit: those in PATH… after --, or the files of the target.",
        WHAT,
        "REV",
    ),
    Setting("test-path", TEXTS, "The same for a command: what --tests-from takes; may be repeated.", WHAT, "PATH"),
    Setting(
        "suspect",
        TEXTS,
        "Commits that change this file or folder are 4 times as likely beforehand; may be repeated. [the tests]",
        WHAT,
        "PATH",
    ),
    Setting(
        "signature",
        TEXTS,
        "Count only failures with this signature (see --json), * for anything; may be repeated. "
        "[the kind that is seen first]",
        HOW_MUCH,
        "TEXT",
    ),
    Setting(
        "rate",
        TEXT,
        "What fails more rarely than this does not fail: without a failure in so many tests the search ends. [1%]",
        HOW_MUCH,
        "RATE",
        argument="least_rate",
    ),
    Setting("resume", TEXT, "Go on with an interrupted bisection: its run, or `latest`.", HOW_MUCH, "RUN"),
    Setting(
        "replay", TEXT, "Tell a recorded bisection again, with the reason of each step; runs nothing.", HOW_MUCH, "RUN"
    ),
    Setting("log", FLAG, "Say of each step why it is the next.", HOW_MUCH),
)


@takes("bisect", *_OWN, arguments=(CONTEXT, TARGET))
def bisect(**given: Any) -> None:
    """Find the commit since which a target is flaky, by running it at few of the commits between two revisions.

    Commits are checked out beside the working tree, which is not touched. The commit is confirmed against its parent.

    Exit status: 1 found; 4 no such commit, it never fails, or not known within the time; 2 usage, 3 could not run or
    build, 5 nothing to run, 130 and 143 interrupted.
    """
    from flakeproof.features.onset.command import bisect_target

    raise typer.Exit(bisect_target(given))
