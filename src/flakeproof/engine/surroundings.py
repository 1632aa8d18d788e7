"""What is around the tests while they run, and goes with them."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from flakeproof.engine.leftovers import nothing_left_running
from flakeproof.engine.noise import noise
from flakeproof.model import Load, Perturbations
from flakeproof_worker.system import cgroups


@contextmanager
def surroundings(
    asked: Sequence[Perturbations], temporary: str, run_id: str, tell: Callable[[str], None]
) -> Iterator[None]:
    """Put up what was `asked` for around the tests that run at the same time, and leave nothing of it, or of them.

    `tell` hears what a user should know of it. Raises CannotRunError if it cannot be put up.
    """
    if any(perturbations.cpu_quota for perturbations in asked):
        tell(_means_of_a_quota())
    with nothing_left_running(run_id), noise(loads_of(asked), temporary, run_id, tell, cpus_of(asked)):
        yield


def loads_of(asked: Sequence[Perturbations]) -> dict[str, Load]:
    """All share one machine, and so what keeps it busy: for each kind the most processes, and the busiest."""
    found: dict[str, Load] = {}
    for perturbations in asked:
        for kind, load in perturbations.noise.items():
            other = found.get(kind, load)
            found[kind] = Load(count=max(load.count, other.count), share=max(load.share, other.share))
    return found


def cpus_of(asked: Sequence[Perturbations]) -> int | None:
    """The noise is where the tests are: elsewhere it would not disturb them."""
    counts = [perturbations.cpus for perturbations in asked]
    return None if None in counts else max(count or 0 for count in counts)


def _means_of_a_quota() -> str:
    """Worker processes find the same, by the same means."""
    places = cgroups.own_folder()
    made = cgroups.make(places, f"probe-{os.getpid()}", 1.0) if places is not None else None
    if made is None:
        return "the CPU quota is kept by stopping and continuing processes: no control group (v2) can be made here"
    cgroups.remove(made)
    return f"the CPU quota is kept by control groups like {made}"
