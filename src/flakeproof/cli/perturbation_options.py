"""The options that provoke a failure: one for each perturbation, the same in every command that runs a target."""

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

import typer

from flakeproof.cli.help import PROVOKE
from flakeproof.cli.options import text_option

Command = TypeVar("Command", bound=Callable[..., None])
_KIND = inspect.Parameter.POSITIONAL_OR_KEYWORD

Delay = Annotated[
    list[str] | None,
    text_option(
        "--delay",
        help="Pause Python code: at lines of functions, FILE:FUNCTION:1ms..50ms@p=0.1, or at one, FILE:LINE:20ms; "
        "may be repeated.",
        panel=PROVOKE,
        metavar="WHERE:TIME",
    ),
]
Race = Annotated[
    bool,
    typer.Option("--race", help="Switch threads and tasks often, where it hurts.", rich_help_panel=PROVOKE),
]
Noise = Annotated[
    str | None,
    text_option(
        "--noise",
        help="Processes that keep the machine busy: cpu=2@30%,io=1,memory=1, or mild, or strong.",
        panel=PROVOKE,
        metavar="KIND=N",
    ),
]
Cpus = Annotated[
    str | None,
    text_option("--cpus", help="Pin the tests to N CPUs, and the noise with them.", panel=PROVOKE, metavar="N"),
]
CpuQuota = Annotated[
    str | None,
    text_option("--cpu-quota", help="Share of a CPU that each test gets, 30%.", panel=PROVOKE, metavar="SHARE"),
]
Nice = Annotated[
    str | None,
    text_option("--nice", help="Have tests leave the CPU to others, 0 to 19.", panel=PROVOKE, metavar="N"),
]
Freeze = Annotated[
    str | None,
    text_option(
        "--freeze",
        help="Stop processes of a test for moments, 1ms..50ms@p=0.25, for that share of the time.",
        panel=PROVOKE,
        metavar="TIME",
    ),
]
Clock = Annotated[
    str | None,
    text_option(
        "--clock",
        help="Another time of day: `boundaries` (before midnight, a year's end, …), +3d, 2024-02-29T23:59:59.9; "
        "or a fast or slow one: x4, x0.25.",
        panel=PROVOKE,
        metavar="WHEN",
    ),
]
Gc = Annotated[
    str | None,
    text_option("--gc", help="Collect garbage every N allocations, about.", panel=PROVOKE, metavar="N"),
]
MaxFds = Annotated[
    str | None,
    text_option("--max-fds", help="Room for N more descriptors in each test.", panel=PROVOKE, metavar="N"),
]
Ports = Annotated[
    str | None,
    text_option("--ports", help="N ephemeral ports, in a network of its own.", panel=PROVOKE, metavar="N"),
]
TempSpace = Annotated[
    str | None,
    text_option(
        "--temp-space", help="Room for so much in each test's temporary folder.", panel=PROVOKE, metavar="SIZE"
    ),
]
Reverse = Annotated[
    bool,
    typer.Option("--reverse", help="The tests of each pass from the last to the first.", rich_help_panel=PROVOKE),
]
HashSeed = Annotated[
    str | None,
    text_option(
        "--hash-seed", help="PYTHONHASHSEED, or `random` for one of each process.", panel=PROVOKE, metavar="N|random"
    ),
]
RandomSeed = Annotated[
    str | None,
    text_option(
        "--random-seed",
        help="What `random` and numpy start from: the same in each test, or one of each, whatever tests do at import.",
        panel=PROVOKE,
        metavar="N|each",
    ),
]
TimeZone = Annotated[
    str | None,
    text_option("--timezone", help="Time zone, or `random` for nasty ones.", panel=PROVOKE, metavar="NAME|random"),
]
Locale = Annotated[
    str | None,
    text_option("--locale", help="LC_ALL and LANG, or `random` for nasty ones.", panel=PROVOKE, metavar="NAME|random"),
]
Network = Annotated[
    str | None,
    text_option("--network", help="`none`: nothing but loopback can be reached.", panel=PROVOKE, metavar="none"),
]
BestEffort = Annotated[
    bool,
    typer.Option(
        "--best-effort", help="Leave out what is not possible on this machine, and say so.", rich_help_panel=PROVOKE
    ),
]
PROVOKING: Mapping[str, Any] = {
    "delay": Delay,
    "race": Race,
    "noise": Noise,
    "cpus": Cpus,
    "cpu_quota": CpuQuota,
    "nice": Nice,
    "freeze": Freeze,
    "clock": Clock,
    "gc": Gc,
    "max_fds": MaxFds,
    "ports": Ports,
    "temp_space": TempSpace,
    "reverse": Reverse,
    "hash_seed": HashSeed,
    "random_seed": RandomSeed,
    "timezone": TimeZone,
    "locale": Locale,
    "network": Network,
    "best_effort": BestEffort,
}
"""Their names as arguments of a command, and what Typer reads."""


def provocable(command: Command) -> Command:
    """A command with these options, for Typer, where `command` has `**provoking`."""
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            parameters += [
                inspect.Parameter(name, _KIND, default=False if kind.__origin__ is bool else None, annotation=kind)
                for name, kind in PROVOKING.items()
            ]
        else:
            parameters.append(parameter)
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return command
