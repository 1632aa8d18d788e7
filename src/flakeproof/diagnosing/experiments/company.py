"""A test of pytest among the others: in the order of collection, and in orders drawn for each pass."""

from pathlib import Path

import msgspec

from flakeproof.diagnosing.experiments.alone import alone_spec
from flakeproof.diagnosing.experiments.names import ALONE, COMPANY, SHUFFLED
from flakeproof.diagnosing.laboratory import Laboratory, changed
from flakeproof.model import PytestTarget

_COUNT = 40
_SHARE = 0.08
_SELECTING = ("-k", "-m")


def victim_of(laboratory: Laboratory) -> str:
    """Id of the one test of pytest that the target is; "" if it is something else."""
    items = laboratory.tally(ALONE).items
    return items[0] if len(items) == 1 else ""


def run_company(laboratory: Laboratory, within: list[str]) -> None:
    """Passes over the tests `within` which the target is, by default over those of its folder."""
    victim = victim_of(laboratory)
    if not victim:
        return
    target = laboratory.given.target
    assert isinstance(target, PytestTarget)
    paths = within or [str(Path(target.arguments[0].partition("::")[0]).parent) if target.arguments else "."]
    where = ", ".join(paths)
    for name, shuffle, words in (
        (COMPANY, False, "in the order of collection"),
        (SHUFFLED, True, "in orders drawn for each pass"),
    ):
        own = msgspec.structs.replace(target, arguments=paths, options=_unselected(target.options), shuffle=shuffle)
        seconds = laboratory.budget.share(_SHARE)
        spec = changed(alone_spec(laboratory.given), target=own, timeout=max(seconds, 10.0))
        with laboratory.experiment(name, f"among the tests of {where}, {words}", against=ALONE, item=victim) as tally:
            laboratory.run(tally, spec, seconds=seconds, count=_COUNT)
        if victim not in tally.items:
            laboratory.notes.append(f"{victim} is not among the tests of {where}: name its company with --in")
            del laboratory.arms[name]
            return
        if len(tally.items) == 1:
            del laboratory.arms[name]
            return


def _unselected(options: list[str]) -> list[str]:
    """Options of pytest without those that select by name or marker: the others are wanted here."""
    kept: list[str] = []
    skip = False
    for word in options:
        if not skip and word not in _SELECTING:
            kept.append(word)
        skip = not skip and word in _SELECTING
    return kept
