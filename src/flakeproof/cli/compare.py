"""`flakeproof compare`: options of `run`, which hold for both arms, and what is for the comparison."""

import inspect
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from flakeproof.cli import options
from flakeproof.cli.run import run

NOT_FOR_ARMS = (
    *("preset", "count", "duration", "failfast", "max_failures", "until_confident", "rate", "error", "seed"),
    *("process_rate", "ci_rate", "drop_failed", "tolerate_load_failures", "color_output"),
    *("junit_xml", "json", "markdown", "store", "quiet", "verbose", "resume", "trust"),
)
"""Options of `run` that say how much, or where to: a matter of the comparison, if of anything."""
ARM_SETTINGS = frozenset(inspect.signature(run).parameters) - {*NOT_FOR_ARMS}
"""Arguments of `run` that hold for an arm."""
_FIRST = inspect.Parameter.POSITIONAL_OR_KEYWORD

Arm = Annotated[
    list[str] | None,
    typer.Option(
        "--arm",
        help="One side: a name, and target and options as for `run`. The first is the base.",
        metavar='NAME:"TARGET …"',
        show_default=False,
    ),
]
_FOR_BOTH = (
    ("count", options.SpentCount),
    ("duration", options.SpentTime),
    ("error", options.VerdictError),
    ("reduction", options.Reduction),
    ("confirm", options.Confirm),
    ("seed", options.Seed),
    ("resume", options.Resume),
    ("json", options.Json),
    ("markdown", options.Markdown),
    ("store", options.StoreFolder),
)


def compare(**given: Any) -> None:
    """Run two arms in turns until it is known whether the second fails less often.

    Exit status: 0 fixed, 1 reduced or not fixed, 4 not decided within the time or the tests given; 2 usage, 3 could not
    run, 5 nothing to run, 130 and 143 interrupted.
    """
    from flakeproof.features.compare.command import compare_arms

    raise typer.Exit(compare_arms(given))


def of_comparison(own: Sequence[tuple[str, object]], *, with_target: bool) -> list[inspect.Parameter]:
    """Parameters of a command that compares: `own`, those of the comparison, those of `run` that hold for both arms."""
    taken = inspect.signature(run, eval_str=True).parameters
    kept = [one for name, one in taken.items() if name not in NOT_FOR_ARMS and (with_target or name != "target")]
    added = [
        inspect.Parameter(name, _FIRST, default=None, annotation=annotation) for name, annotation in (*own, *_FOR_BOTH)
    ]
    head = 2 if with_target else 1
    return [*kept[:head], *added, *kept[head:]]


compare.__signature__ = inspect.Signature(of_comparison([("arm", Arm)], with_target=False))  # type: ignore[attr-defined]
