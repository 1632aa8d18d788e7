"""Delays that have never taken place in a run: the worker leaves a mark for each that has."""

from pathlib import Path

from flakeproof.model import Perturbations
from flakeproof.perturbations.pauses import written
from flakeproof_worker.perturb.marks import PREFIX


def without_effect(perturbations: Perturbations, folder: Path) -> list[str]:
    """What is to be said of them; the marks in the `folder` of the run are removed."""
    found = []
    for number, delay in enumerate(perturbations.delays):
        mark = folder / f"{PREFIX}{number}"
        if mark.exists():
            mark.unlink()
        elif delay.share == 1 and delay.probability > 0:
            found.append(
                f"no pause of --delay {written(delay)} has taken place: no such line was reached in a test"
                if delay.probability == 1
                else f"no pause of --delay {written(delay)} has taken place"
            )
    return found
