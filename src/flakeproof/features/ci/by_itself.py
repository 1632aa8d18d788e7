"""The test by itself, in forks: at the time of day at which the job ran it, and with what `amplify` tries."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from flakeproof.engine.execute import execute
from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.errors import FlakeproofError, is_signal
from flakeproof.events import AnyEvent, RunEnded, TrialFailed, TrialsPassed
from flakeproof.features.amplify.driver import Request, amplify
from flakeproof.features.amplify.levels import values_of, words_of
from flakeproof.features.amplify.records import AmplifySetting, Batch
from flakeproof.features.ci.attempts import PytestPlan
from flakeproof.features.ci.known import Known
from flakeproof.features.ci.ladder import RungTally
from flakeproof.features.ci.place import CiPlace
from flakeproof.features.ci.symptoms import alike, shown, symptom
from flakeproof.model import RunSpec
from flakeproof.settings.build_spec import build
from flakeproof.settings.from_options import settings
from flakeproof.targets.tests import PytestLine

_TRIALS = 20
_ERROR = 0.05
_EARLIER = (0.0, 1.0, 5.0)
"""Seconds before the end of the test as CI logged it at which a trial begins."""


@dataclass
class AloneOutcome:
    """What came of it."""

    step: RungTally
    options: list[str] = field(default_factory=list)
    """Of flakeproof, with which it fails."""
    stopped: str | None = None


def at_its_time(known: Known, place: CiPlace, seconds: float, seed: int) -> AloneOutcome | None:
    """Trials whose clock shows what CI's did when the test failed; None where that is not known."""
    text = known.failure.at or known.case.value("started")
    with suppress(ValueError):
        moment = datetime.fromisoformat(text or "")
        zone = {"timezone": known.case.value("time zone") or "UTC"}
        step = RungTally("the time of day", f"the test alone, its clock at {text}, TZ {zone['timezone']}", _nothing)
        for earlier in _EARLIER:
            start = moment - timedelta(seconds=earlier)
            asked = {"clock": start.replace(tzinfo=None).isoformat(), **zone}
            if start.tzinfo is not None:
                asked["clock"] = start.isoformat()
            options = [word for name, value in asked.items() for word in (f"--{name}", value)]
            try:
                stopped = _run(_spec(known, place, asked, seed), known, step, seconds / len(_EARLIER))
            except FlakeproofError as error:
                step.skipped = error.message
                return AloneOutcome(step)
            if step.failed or stopped is not None:
                return AloneOutcome(step, options, stopped)
        return AloneOutcome(step)
    return None


def amplified(known: Known, place: CiPlace, seconds: float, seed: int, say: Callable[[str], None]) -> AloneOutcome:
    """Search for settings under which the test fails as in CI, and count with them."""
    step = RungTally("amplify", "the test alone, with what makes flaky tests fail", _nothing)
    request = Request(
        variant=lambda values: _spec(known, place, dict(values), seed),
        seconds=0.8 * seconds,
        seed=seed,
        error=_ERROR,
        finds_line=False,
    )
    try:
        found = amplify(request, say)
        if found.stopped is not None and is_signal(found.stopped):
            return AloneOutcome(step, stopped=found.stopped)
        best = found.found.best if found.found is not None else None
        setting = best.setting if best is not None else _worst(found.batches)
        if setting is None:
            step.attempts = sum(batch.trials for batch in found.batches)
            return AloneOutcome(step)
        values = values_of(setting, found.levels)
        stopped = _run(_spec(known, place, dict(values), seed), known, step, 0.2 * seconds)
    except FlakeproofError as error:
        step.skipped = error.message
        return AloneOutcome(step)
    return AloneOutcome(step, list(words_of(values)), stopped)


def _worst(batches: Sequence[Batch]) -> AmplifySetting | None:
    """The setting with the most failures of any kind for its trials; None where nothing ever failed."""
    failing = [batch for batch in batches if batch.trials and batch.failed]
    worst = max(failing, key=lambda batch: sum(batch.failed.values()) / batch.trials, default=None)
    return worst.setting if worst is not None else None


def _spec(known: Known, place: CiPlace, asked: Mapping[str, str], seed: int) -> RunSpec:
    own = {"python": place.python, "seed": str(seed), **asked}
    options = ["-p", "no:randomly"] if "randomly" in known.plugins else []
    spec = build(PytestLine([known.failure.test], options), settings(own), {}, place.folder)
    target = msgspec.structs.replace(spec.target, environment={**spec.target.environment, **place.environment})
    return msgspec.structs.replace(spec, target=target)


def _run(spec: RunSpec, known: Known, step: RungTally, seconds: float) -> str | None:
    """Count trials into `step`; the signal that ended them, if one did."""
    stopped: list[str] = []

    def hear(event: AnyEvent) -> None:
        match event:
            case TrialsPassed():
                step.attempts += event.count
            case TrialFailed():
                step.attempts += 1
                told = symptom(event.failure.message, known.failure.symptom.phase)
                if alike(told, known.failure.symptom):
                    step.failed += 1
                else:
                    step.otherwise += 1
                    step.messages += [] if shown(told) in step.messages else [shown(told)]
            case RunEnded():
                step.seconds += event.elapsed
                if is_signal(event.stopped):
                    stopped.append(event.stopped)

    with temporary_root() as folder:
        execute(spec.bare(count=_TRIALS, duration=max(1.0, seconds)), "ci-alone", Path(folder), [hear], None)
    return stopped[0] if stopped else None


def _nothing() -> Iterator[PytestPlan]:
    return iter(())
