"""`flakeproof isolate`: which tests make another one fail."""

from typing import Any

import typer

from flakeproof.cli.signature import argument, takes
from flakeproof.settings.table import WHAT, Setting
from flakeproof.settings.values import TEXT, TEXTS, Value

_VICTIM = argument("victim", str, help="The test that fails in company, or only alone: its id.", metavar="VICTIM")
_OWN = (
    Setting(
        "in",
        TEXTS,
        "Where the others are: files, folders, ids; may be repeated. [what pytest collects here]",
        WHAT,
        "PATH",
        argument="among",
    ),
    Setting(
        "order",
        TEXT,
        "File with the ids of tests, one a line, in an order in which it failed.",
        WHAT,
        "FILE",
    ),
    Setting(
        "from",
        Value(TEXT.parse, "str", parts=2),
        "Start from the order of a test of a recorded run, as of `run --shuffle`.",
        WHAT,
        "RUN TEST",
        argument="recorded",
    ),
)


@takes("isolate", *_OWN, arguments=(_VICTIM,))
def isolate(**given: Any) -> None:
    """Find the tests that make another one fail, or that it needs to pass, and what they leave behind.

    All is run in forks of one process that has collected once; the answer is confirmed in fresh interpreters.

    Exit status: 1 found, or it fails alone; 4 not reproduced or not found; 2 usage, 3 could not run, 5 nothing to run,
    130 and 143 interrupted.
    """
    from flakeproof.features.isolate.command import isolate_victim

    raise typer.Exit(isolate_victim(given))
