"""`flakeproof fdtrace`."""

from typing import Any

import typer

from flakeproof.cli.signature import CONTEXT, takes
from flakeproof.settings.table import HOW, REPORTS, Setting
from flakeproof.settings.values import FLAG, TEXT

_OWN = (
    Setting("keep-trace", TEXT, "Keep strace's record.", REPORTS, "FILE"),
    Setting("no-uses", FLAG, "Leave out reads, writes and the like: faster; only closes are judged.", HOW),
    Setting("no-stacks", FLAG, "Do without functions and lines: many times as fast.", HOW),
)


@takes("fdtrace", *_OWN, arguments=(CONTEXT,))
def fdtrace(context: typer.Context, **given: Any) -> None:
    """Run a command once, in any language, and tell which of its descriptors were mishandled: closed twice, used after
    they were closed, closed by those whose they were not. With strace; the command follows --.

    Exit status: 0 nothing was found, 1 something was, whatever the command's own exit status is; 4 nothing was found
    but it was not seen to its end; 2 usage, 3 strace or the command could not run, 130 and 143 interrupted.
    """
    from flakeproof.features.fdtrace.command import trace_command

    raise typer.Exit(trace_command(given, context.obj))
