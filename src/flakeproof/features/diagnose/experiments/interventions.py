"""One thing is changed, in fresh trials in turns with a control: what was a difference becomes a proof, or does not."""

import os
from collections.abc import Sequence
from pathlib import Path

from flakeproof.features.diagnose.differences.explain import Explanation, Pause
from flakeproof.features.diagnose.evidence import SIGNIFICANT, Line
from flakeproof.features.diagnose.experiment_runner import Laboratory, perturbed
from flakeproof.features.diagnose.experiments.alone import alone_spec, run_in_turns
from flakeproof.features.diagnose.observed_calls import Witnessed
from flakeproof.features.diagnose.records import Place
from flakeproof.model import CallableTarget, CommandTarget, Delay, PytestTarget
from flakeproof.perturbations.delay import name_of, written
from flakeproof.stats.tables import fisher_greater
from flakeproof.text import number, shown_path

_EACH_CORE = 2
"""Trials at once: who pauses does not work."""
_MOST_PAUSES = 3
"""Lines at which a pause is tried."""


def run_pauses(laboratory: Laboratory, found: Sequence[Explanation], seen: Witnessed) -> Line | None:
    """Pauses where the recorded trials differ, until one decides how often it fails; None where none does."""
    target = laboratory.given.target
    if isinstance(target, CommandTarget) or laboratory.given.perturbations.delays:
        return None
    at_once = _EACH_CORE * len(os.sched_getaffinity(0))
    told = [one for one in found if not one.is_symptom]
    pauses = list(dict.fromkeys(pause for one in told for pause in one.pauses))
    for place, pause in enumerate(pauses[:_MOST_PAUSES]):
        name = f"pause {place + 1}"
        delay = _delay(pause, target)
        spec = perturbed(alone_spec(laboratory.given), delays=[delay])
        where = f"{shown_path(pause.file)}:{pause.line}"
        setting = f"{at_once} at once, with a pause of {pause.seconds * 1e3:.3g} ms at {where}"
        run_in_turns(laboratory, name, setting, spec, at_once=at_once)
        if (text := _effect(laboratory, name, where, pause)) is not None:
            here = pause.file, pause.function.rpartition(".")[2]
            return Line(
                place=Place(file=pause.file, line=pause.line, function=pause.function),
                text=text,
                in_coroutine=here in seen.coroutines,
                option=f"--delay {written(delay)}",
            )
    return None


def _delay(pause: Pause, target: CallableTarget | PytestTarget) -> Delay:
    return Delay(
        file=name_of(Path(pause.file), target),
        where=str(pause.line),
        least=pause.seconds,
        most=pause.seconds,
        probability=pause.probability,
    )


def _effect(laboratory: Laboratory, name: str, where: str, pause: Pause) -> str | None:
    """What a pause has done, in words; None unless it failed more, or less, often than the control beyond chance."""
    tallies = (laboratory.tally(name), laboratory.tally(laboratory.arms[name].against))
    (failed, trials), (other_failed, other_trials) = (
        (tally.failed(laboratory.flake), tally.trials) for tally in tallies
    )
    if not trials or not other_trials:
        return None
    rows = (failed, trials - failed), (other_failed, other_trials - other_failed)
    p = 2 * min(fisher_greater(rows), fisher_greater((rows[1], rows[0])))
    if p > SIGNIFICANT / _MOST_PAUSES:
        return None
    return (
        f"with a pause of {pause.seconds * 1e3:.3g} ms at {where} it failed in {number(failed)} of {number(trials)} "
        f"tests, without it, in turns, in {number(other_failed)} of {number(other_trials)}"
    )
