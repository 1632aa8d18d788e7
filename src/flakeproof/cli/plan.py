"""`flakeproof plan`."""

from typing import Any

import typer

from flakeproof.cli.signature import takes
from flakeproof.settings.table import Setting
from flakeproof.settings.values import FLAG, TEXT

_OWN = (
    Setting("rate", TEXT, "Failure rate: 2%, 0.02 or 3/200.", metavar="RATE"),
    Setting("seen", TEXT, "Failures and tests so far, like 3/200: the rate is only estimated.", metavar="K/N"),
    Setting("confidence", TEXT, "Probability wanted to see a failure. [99.99%]", metavar="P"),
    Setting("count", TEXT, "Tell what so many tests show, instead.", metavar="N", flags=("-c", "--count")),
    Setting("json", FLAG, "Print the plan as JSON."),
)


@takes("plan", *_OWN)
def plan(**given: Any) -> None:
    """Tell how many tests it takes to see a flake, or what a number of tests shows.

    Without any option: the presets, for a flake that fails 2% of the time.
    """
    from flakeproof.features.run.plan_report import answer

    for line in answer(**given):
        print(line)
    raise typer.Exit
