"""The commands that find out why a target fails: `diagnose isolate amplify fdtrace wire`."""

from typing import Any

import typer

from flakeproof.cli.signature import CONTEXT, TARGET, argument, takes
from flakeproof.settings.table import HOW, HOW_MUCH, PROVOKE, REPORTS, WHAT, Setting
from flakeproof.settings.values import FLAG, SHARE, TEXT, TEXTS, ValueKind

_WITHIN = Setting(
    "in",
    TEXTS,
    "Tests that are the company of a test of pytest; may be repeated. [its folder]",
    WHAT,
    "PATH",
    argument="within",
)


@takes("diagnose", _WITHIN, arguments=(CONTEXT, TARGET))
def diagnose(**given: Any) -> None:
    """Find out why a target is flaky: run it under many settings, and rank the causes by what was seen.

    Exit status: 0 nothing failed and nothing was found, 1 a cause is supported, 4 it fails or something was found, and
    no cause is known; 2 usage, 3 could not run, 5 nothing to run, 130 and 143 interrupted.
    """
    from flakeproof.features.diagnose.command import diagnose_target

    raise typer.Exit(diagnose_target(given))


_VICTIM = argument("victim", str, help="The test that fails in company, or only alone: its id.", metavar="VICTIM")
_OWN_ISOLATE = (
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
        ValueKind(TEXT.parse, "str", parts=2),
        "Start from the order of a test of a recorded run, as of `run --shuffle`.",
        WHAT,
        "RUN TEST",
        argument="recorded",
    ),
)


@takes("isolate", *_OWN_ISOLATE, arguments=(_VICTIM,))
def isolate(**given: Any) -> None:
    """Find the tests that make another one fail, or that it needs to pass, and what they leave behind.

    All is run in forks of one process that has collected once; the answer is confirmed in fresh interpreters.

    Exit status: 1 found, or it fails alone; 4 not reproduced or not found; 2 usage, 3 could not run, 5 nothing to run,
    130 and 143 interrupted.
    """
    from flakeproof.features.isolate.command import isolate_victim

    raise typer.Exit(isolate_victim(given))


_OWN_AMPLIFY = (
    Setting(
        "only",
        TEXT,
        "Try nothing but these: names of options without the dashes, separated by commas.",
        PROVOKE,
        "NAMES",
    ),
    Setting(
        "try",
        TEXTS,
        "Values of an option to try; may be repeated, e.g. --try settle=0ms,20ms --try gc=10,1000.",
        PROVOKE,
        "NAME=V1,V2…",
        argument="try_",
    ),
    Setting(
        "signature",
        TEXTS,
        "Count only failures with this signature (see --json), * for anything; may be repeated. "
        "[those without perturbations]",
        HOW_MUCH,
        "TEXT",
    ),
    Setting(
        "error",
        SHARE,
        "Chance of any false claim when no perturbation has an effect. [5%]",
        HOW_MUCH,
        "P",
        argument="claim_error",
    ),
    Setting("save-preset", TEXT, "Save what was found as a preset in pyproject.toml.", PROVOKE, "NAME"),
)


@takes("amplify", *_OWN_AMPLIFY, arguments=(CONTEXT, TARGET))
def amplify(**given: Any) -> None:
    """Find what makes a target fail more often: which perturbations, how much, and the command that reproduces it.

    What is asked for with the options of `run` holds throughout, and is not varied.

    Exit status: 0 no failure provoked; 1 it fails, with or without perturbations; 4 out of time;
    2 usage, 3 could not run, 5 nothing to run, 130 and 143 interrupted.
    """
    from flakeproof.features.amplify.command import amplify_target

    raise typer.Exit(amplify_target(given))


_OWN_FDTRACE = (
    Setting("keep-trace", TEXT, "Keep strace's record.", REPORTS, "FILE"),
    Setting("no-uses", FLAG, "Leave out reads, writes and the like: faster; only closes are judged.", HOW),
    Setting("no-stacks", FLAG, "Do without functions and lines: many times as fast.", HOW),
)


@takes("fdtrace", *_OWN_FDTRACE, arguments=(CONTEXT,))
def fdtrace(context: typer.Context, **given: Any) -> None:
    """Run a command once, in any language, and tell which of its descriptors were mishandled: closed twice, used after
    they were closed, closed by those whose they were not. With strace; the command follows --.

    Exit status: 0 nothing was found, 1 something was, whatever the command's own exit status is; 4 nothing was found
    but it was not seen to its end; 2 usage, 3 strace or the command could not run, 130 and 143 interrupted.
    """
    from flakeproof.features.fdtrace.command import trace_command

    raise typer.Exit(trace_command(given, context.obj))


_OWN_WIRE = (
    Setting("pcap", TEXT, "Keep the packets, for Wireshark, tcpdump or --read.", REPORTS, "FILE"),
    Setting("read", TEXT, "Show a capture that there is, and run nothing.", WHAT, "FILE"),
)


@takes("wire", *_OWN_WIRE, arguments=(CONTEXT, TARGET))
def wire(**given: Any) -> None:
    """Run a target once in a network of its own, and show its TCP connections: a table, who closed over which data, and
    each packet in a sequence diagram.

    Exit status: 0 nothing unusual was on the wire, 1 something was, whatever came out of the test; 4 nothing unusual,
    but packets were lost before they were seen; 2 usage, 3 could not run, or no network of its own is permitted; 130
    and 143 interrupted.
    """
    from flakeproof.features.wire.command import show_wire

    raise typer.Exit(show_wire(given))
