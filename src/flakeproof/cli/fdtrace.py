"""`flakeproof fdtrace`."""

from typing import Annotated

import typer

from flakeproof.cli import options

KeepTrace = Annotated[
    str | None,
    typer.Option("--keep-trace", help="Keep strace's record.", metavar="FILE", show_default=False),
]
Limit = Annotated[
    str | None,
    typer.Option(
        "--timeout", help="Limit for the command; `none` for no limit. [5m]", metavar="TIME", show_default=False
    ),
]
Document = Annotated[
    str | None,
    typer.Option("--json", help="Write the findings as JSON; - is stdout.", metavar="FILE", show_default=False),
]


def fdtrace(
    context: typer.Context,
    timeout: Limit = None,
    grace: options.Grace = None,
    cwd: options.WorkingFolder = None,
    env: options.Environment = None,
    json: Document = None,
    markdown: options.Markdown = None,
    keep_trace: KeepTrace = None,
    no_uses: Annotated[
        bool, typer.Option("--no-uses", help="Leave out reads, writes and the like: faster; only closes are judged.")
    ] = False,
    no_stacks: Annotated[
        bool, typer.Option("--no-stacks", help="Do without functions and lines: many times as fast.")
    ] = False,
) -> None:
    """Run a command once, in any language, and tell which of its descriptors were mishandled: closed twice, used after
    they were closed, closed by those whose they were not. With strace; the command follows --.

    Exit status: 0 nothing was found, 1 something was, whatever the command's own exit status is; 4 nothing was found
    but it was not seen to its end; 2 usage, 3 strace or the command could not run, 130 and 143 interrupted.
    """
    from flakeproof.features.fdtrace.command import trace_command

    given = {"timeout": timeout, "grace": grace, "cwd": cwd, "json": json, "markdown": markdown}
    raise typer.Exit(trace_command(given, context.obj, env, keep_trace, stacks=not no_stacks, uses=not no_uses))
