"""Folders in another order, garbage that is collected never or at once, and what is left behind waited for."""

from collections.abc import Sequence

from flakeproof.features.diagnose.evidence import (
    AWAITED,
    COLLECTED,
    LISTED_OLDEST,
    LISTED_SHUFFLED,
    LISTED_SORTED,
    UNCOLLECTED,
    awaitable,
)
from flakeproof.features.diagnose.experiment_runner import Laboratory, perturbed
from flakeproof.features.diagnose.experiments.alone import alone_spec, run_in_turns
from flakeproof.model import CommandTarget
from flakeproof.results.sanitizer_findings import SightingSummary
from flakeproof.text import shown_path

_SHARE = 0.12


def run_listed(laboratory: Laboratory, name: str) -> None:
    """Folders are listed by name (`LISTED_SORTED`), by age, or in an order that is drawn for each trial."""
    given = laboratory.given
    if isinstance(given.target, CommandTarget) or given.perturbations.directory_order is not None:
        return
    order, words = {
        LISTED_SORTED: ("sorted", "folders listed by name"),
        LISTED_OLDEST: ("oldest", "folders listed by age"),
        LISTED_SHUFFLED: ("shuffled", "folders listed shuffled"),
    }[name]
    spec = perturbed(alone_spec(given), directory_order=order)
    run_in_turns(laboratory, name, f"alone, {words}", spec, share=_SHARE)


def run_collected(laboratory: Laboratory, name: str) -> None:
    """No garbage is collected (`UNCOLLECTED`), or some at every allocation."""
    given = laboratory.given
    if isinstance(given.target, CommandTarget) or given.perturbations.gc is not None:
        return
    allocations, words = {
        UNCOLLECTED: (0, "no garbage collected"),
        COLLECTED: (1, "garbage collected at every allocation"),
    }[name]
    run_in_turns(laboratory, name, f"alone, {words}", perturbed(alone_spec(given), gc=allocations), share=_SHARE)


def run_awaited(laboratory: Laboratory, sightings: Sequence[SightingSummary]) -> None:
    """What nobody waits for has ended before the line behind the one that starts it runs."""
    places = [one.place for one in awaitable(sightings) if one.place is not None]
    if not places or isinstance(laboratory.given.target, CommandTarget):
        return
    lines = list(dict.fromkeys(f"{place.file}:{place.line}" for place in places))
    shown = ", ".join(dict.fromkeys(f"{shown_path(place.file)}:{place.line}" for place in places))
    spec = perturbed(alone_spec(laboratory.given), awaits=lines)
    run_in_turns(laboratory, AWAITED, f"alone, what {shown} starts waited for there", spec, share=_SHARE)
