"""`flakeproof history`, `dashboard` and `quarantine`: what the results of many jobs tell of each test."""

from typing import Any

import typer

from flakeproof.cli.signature import argument, takes
from flakeproof.settings.table import HOW, HOW_MUCH, WHAT, Setting
from flakeproof.settings.values import FLAG, TEXT

_WORDS = argument(
    "words",
    list[str] | None,
    None,
    help="import PATH…: JUnit files, folders or archives of them, .flakeproof. Else parts of the names of tests.",
    metavar="[import PATH… | TEST…]",
    show_default=False,
)
_OF_HISTORY = (
    Setting("branch", TEXT, "Only jobs of this branch; with import: the branch that they are of.", WHAT, "NAME"),
    Setting("job", TEXT, "Only jobs of this name; with import: the name that they have.", WHAT, "NAME"),
    Setting("since", TEXT, "Only jobs that were started since then: 2026-03-01, 30d.", WHAT, "TIME"),
    Setting(
        "commit", TEXT, "With import: the commit that the results are of. [the file's, CI's variable]", WHAT, "HASH"
    ),
    Setting("build", TEXT, "With import: what tells two jobs with the same results apart.", WHAT, "ID"),
    Setting("top", TEXT, "Tests to show. [20]", HOW_MUCH, "N"),
)


@takes("history", *_OF_HISTORY, arguments=(_WORDS,))
def history(words: list[str] | None, **given: Any) -> None:
    """Rank the tests of many CI jobs: which are flaky or broken, since when, what they cost, which fail together.

    `import` adds results to the history; the same file counts once. With parts of names: all that is known of those
    tests. Nothing is run.

    Exit status: 0 told or imported, 2 usage, 3 the database failed, 5 there are no results.
    """
    from flakeproof.features.history.command import history as told

    raise typer.Exit(told(words or [], given))


_OF_DASHBOARD = (
    Setting("host", TEXT, "Address to serve at; any but this machine's own needs a token. [127.0.0.1]", HOW, "ADDRESS"),
    Setting("port", TEXT, "Port to serve at; 0 is any free one. [8420]", HOW, "N"),
    Setting("token", FLAG, "Want a token also where only this machine can come.", HOW),
    Setting("branch", TEXT, "Only jobs of this branch.", WHAT, "NAME"),
    Setting("job", TEXT, "Only jobs of this name.", WHAT, "NAME"),
    Setting("since", TEXT, "Only jobs that were started since then: 2026-03-01, 30d.", WHAT, "TIME"),
)


@takes("dashboard", *_OF_DASHBOARD)
def dashboard(**given: Any) -> None:
    """Show the history, and the runs of this folder as they go on, in a browser.

    Only this machine can come, unless --host says otherwise; nothing can be changed. Ctrl-C ends it.

    Exit status: 130 ended by Ctrl-C, 143 by SIGTERM, 2 usage.
    """
    from flakeproof.features.dashboard.command import dashboard as served

    raise typer.Exit(served(given))


_CHECK = argument("words", list[str], help="check", metavar="check", show_default=False)
_FILE = Setting("file", TEXT, "The file of the quarantine. [quarantine.toml beside pyproject.toml]", WHAT, "FILE")


@takes("quarantine", _FILE, arguments=(_CHECK,))
def quarantine(words: list[str], **given: Any) -> None:
    """Check the list of tests that may fail for a while: each has an owner, a reason and a day on which that is over.

    Exit status: 0 all entries stand; 1 one is over, or its test is proven stable by the history; 2 usage.
    """
    from flakeproof.features.quarantine.command import quarantine as checked

    raise typer.Exit(checked(words, given))
