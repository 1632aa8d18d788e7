"""Which of the other tests it is, by `flakeproof isolate`."""

import os
import re
import shlex
from pathlib import Path

from flakeproof.errors import StoppedError, is_signal
from flakeproof.features.diagnose.evidence import ALONE, COMPANY, SHUFFLED, Polluters
from flakeproof.features.diagnose.experiment_runner import Laboratory, changed
from flakeproof.features.diagnose.experiments.alone import alone_spec
from flakeproof.features.diagnose.records import Place
from flakeproof.features.isolate.driver import isolate
from flakeproof.features.isolate.records import CulpritKind, CulpritSet, IsolationReport, IsolationRequest, Rate
from flakeproof.model import Carrier, PytestTarget, RunSpec
from flakeproof.model import Isolation as Mode

_SHARE = 0.4
_LEAST_SECONDS = 1.0
_CHANGED_AT = re.compile(r"(.+):(\d+)(?: \((.+)\))?")
_SHOWN = 3
_WORK = ("thread", "task")


def run_isolated(laboratory: Laboratory) -> Polluters | None:
    """The tests that make the flake come, or go; None if they could not be found."""
    flake = laboratory.flake
    source = next((name for name in (COMPANY, SHUFFLED) if laboratory.failed(name)), COMPANY)
    spec = laboratory.tally(source).spec
    if flake is None or spec is None or not isinstance(spec.target, PytestTarget):
        return None
    items = laboratory.tally(source).items
    trial = None
    if source == SHUFFLED:
        last = laboratory.tally(source).runs[-1]
        seen = [one for one in laboratory.tally(source).failures(flake) if one.run_id == last]
        trial = seen[0].failure.trial if seen else None
    found = _isolation(laboratory, spec, flake.example.item, items if trial is not None else [], trial)
    if not found.culprits:
        laboratory.notes.append(f"which tests it depends on was not found in the time ({found.kind.value})")
        return None
    first = found.culprits[0]
    return _polluters(found, first, [member.test for member in first.members], spec.target)


def run_by_itself(laboratory: Laboratory) -> Polluters | None:
    """The one test as its own polluter, with what it leaves behind as names; None where it does itself no harm."""
    spec, (victim,) = alone_spec(laboratory.given), laboratory.tally(ALONE).items
    assert isinstance(spec.target, PytestTarget)
    found = _isolation(laboratory, spec, victim, [], None)
    if found.kind is not CulpritKind.REPEATED or not found.culprits:
        return None
    first = found.culprits[0]
    return _polluters(found, first, [carrier.name for carrier in first.carriers if carrier.decides], spec.target)


def _isolation(
    laboratory: Laboratory, spec: RunSpec, victim: str, order: list[str], trial: int | None
) -> IsolationReport:
    """The search among the tests of `spec`. Raises StoppedError."""
    seconds = min(_SHARE * laboratory.budget.seconds, max(_LEAST_SECONDS, laboratory.room))
    found = isolate(
        IsolationRequest(
            victim=victim,
            spec=changed(
                alone_spec(spec),
                isolation=Mode.FORK,
                workers=len(os.sched_getaffinity(0)),
                processes=1,
                count=None,
                duration=seconds,
                patience=laboratory.patience(seconds),
                timeout=laboratory.given.timeout,
            ),
            order=order,
            trial=trial,
        )
    )
    if is_signal(found.stopped):
        raise StoppedError(found.stopped)
    return found


def _polluters(found: IsolationReport, first: CulpritSet, names: list[str], target: PytestTarget) -> Polluters:
    return Polluters(
        text=_told(first),
        names=names,
        carriers=[_carrier(carrier) for carrier in first.carriers[:_SHOWN]],
        place=_place(first, Path(target.folder)),
        is_brittle=found.kind is CulpritKind.BRITTLE,
        is_explained=any(carrier.decides for carrier in first.carriers),
        leaves_work=any(carrier.decides and carrier.kind in _WORK for carrier in first.carriers),
        confirmed=first.confirmed is not False,
        command=f"isolate {shlex.quote(found.victim)}",
    )


def _told(found: CulpritSet) -> str:
    order = ", in this order only" if found.only_in_this_order and len(found.members) > 1 else ""
    names = " and ".join(member.test for member in found.members)
    confirmed = f"; {found.confirmation}" if found.confirmation else ""
    return f"with {names}{order}: {_rate(found.with_them)}, without: {_rate(found.without)}{confirmed}"


def _rate(found: Rate) -> str:
    return f"{found.failed} of {found.runs} failed"


def _carrier(found: Carrier) -> str:
    where = f", changed at {found.changed_at}" if found.changed_at else ""
    decides = "; putting it back undoes the effect" if found.decides else ""
    name = found.name if found.name.startswith(found.kind) else f"{found.kind} {found.name}"
    return f"left behind: {name}: {found.before} became {found.after}{where}{decides}"


def _place(found: CulpritSet, folder: Path) -> Place | None:
    """The line that changes what decides, else the test that does it."""
    carriers = sorted(found.carriers, key=lambda carrier: not carrier.decides)
    texts = [carrier.changed_at for carrier in carriers if carrier.changed_at]
    member = found.members[0]
    for text in (*texts, member.place):
        if (seen := _CHANGED_AT.fullmatch(text)) is not None:
            function = seen[3] or member.test.rpartition("::")[2].partition("[")[0]
            return Place(file=str(folder / seen[1]), line=int(seen[2]), function=function)
    return None
