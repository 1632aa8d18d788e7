"""`flakeproof stress`: the original kit's modes; `run_stress_test.sh` is this command."""

from typing import Any

import typer

from flakeproof.cli.signature import argument, takes

_MODE = argument(
    "mode",
    str,
    "ci",
    help="ci or 0, fast or 1, parallel or 2, full or 3, all, a test of the original kit, or any target.",
    metavar="MODE",
)


@takes("stress", arguments=(_MODE,))
def stress(mode: str, **given: Any) -> None:
    """Stress-test the scenario tcprtt (or any target) in one of the original kit's modes.

    ci 2,000 tests; fast 1,000; parallel 250,000 with 50 workers; full 100,000 with 20; all: the four in this order.
    Tests of the kit: TestTCPRTTStressCI, ...StressFast, ...StressParallel, TestTCPRTTStress.
    """
    from flakeproof.features.run.stress import stress_mode

    raise typer.Exit(stress_mode(mode, given))
