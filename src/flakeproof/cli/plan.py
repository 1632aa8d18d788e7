"""`flakeproof plan`."""

from typing import Annotated

import typer

RATE_HELP = "Failure rate: 2%, 0.02 or 3/200."


def plan(
    rate: Annotated[str | None, typer.Option("--rate", help=RATE_HELP, metavar="RATE", show_default=False)] = None,
    seen: Annotated[
        str | None,
        typer.Option(
            "--seen", help="Failures and tests so far, like 3/200: the rate is only estimated.", metavar="K/N"
        ),
    ] = None,
    confidence: Annotated[
        str | None,
        typer.Option("--confidence", help="Probability wanted to see a failure. [99.99%]", metavar="P"),
    ] = None,
    count: Annotated[
        str | None, typer.Option("-c", "--count", help="Tell what so many tests show, instead.", metavar="N")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Tell how many tests it takes to see a flake, or what a number of tests shows.

    Without any option: the presets, for a flake that fails 2% of the time.
    """
    from flakeproof.features.run.plan_report import answer

    for line in answer(rate=rate, seen=seen, confidence=confidence, count=count, json=json):
        print(line)
