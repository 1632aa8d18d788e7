"""One thing is changed, in fresh trials in turns with a control: what was a difference becomes a proof, or does not."""

import ctypes
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from flakeproof.features.diagnose.differences.explain import Explanation, Pause
from flakeproof.features.diagnose.evidence import ADDRESSES, PAUSED, SIGNIFICANT, Line, control_of
from flakeproof.features.diagnose.experiment_runner import BudgetSpent, Laboratory, changed, perturbed
from flakeproof.features.diagnose.experiments.alone import alone_spec, run_in_turns
from flakeproof.features.diagnose.observed_calls import Witnessed
from flakeproof.features.diagnose.records import Place
from flakeproof.line_search.find_line import DelayedLine
from flakeproof.model import CallableTarget, CommandTarget, Delay, Isolation, PytestTarget
from flakeproof.perturbations.pauses import name_of, written_delay
from flakeproof.perturbations.resolve import RunConditions, perturbations_in
from flakeproof.stats.tables import fisher_greater
from flakeproof.text import number, shown_path

_ASK, _ADDR_NO_RANDOMIZE = 0xFFFFFFFF, 0x0040000
"""Of personality(2)."""
_ANY_HASH_SEED = "1"
_TURNS, _INTERPRETERS, _SHARE = 2, 20, 0.15
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
    is_last = False
    for place, pause in enumerate(pauses[:_MOST_PAUSES]):
        if is_last:
            break
        name = f"pause {place + 1}"
        delay = _delay(pause, target)
        spec = perturbed(alone_spec(laboratory.given), delays=[delay])
        where = f"{shown_path(pause.file)}:{pause.line}"
        setting = f"{at_once} at once, with a pause of {pause.seconds * 1e3:.3g} ms at {where}"
        try:
            run_in_turns(laboratory, name, setting, spec, at_once=at_once)
        except BudgetSpent:
            is_last = True  # what has been seen until then tells something as well
        if (text := _effect(laboratory, name, where, pause)) is not None:
            here = pause.file, pause.function.rpartition(".")[2]
            return Line(
                place=Place(file=pause.file, line=pause.line, function=pause.function),
                text=text,
                in_coroutine=here in seen.coroutines or (bool(seen.coroutines) and not seen.own_threads),
                option=f"--delay {written_delay(delay)}",
            )
    return None


def run_paused(laboratory: Laboratory, found: DelayedLine) -> None:
    """A pause at a line that a search has found, and the target without it, in turns."""
    perturbing = perturbations_in({"delay": found.delay}, RunConditions(laboratory.given.target, Isolation.FORK))
    spec = perturbed(alone_spec(laboratory.given), delays=perturbing.perturbations.delays)
    at_once = _EACH_CORE * len(os.sched_getaffinity(0))
    setting = f"{at_once} at once, with a pause of {found.seconds * 1e3:.3g} ms at {found.place}"
    run_in_turns(laboratory, PAUSED, setting, spec, at_once=at_once)


def run_addresses(laboratory: Laboratory) -> None:
    """New interpreters with one hash seed, in which everything lies at the same addresses, and others as usual.

    Not where the kernel does not permit it, as in some containers.
    """
    given = laboratory.given
    if isinstance(given.target, CommandTarget) or not _can_fix_addresses():
        return
    base = changed(alone_spec(given), isolation=Isolation.FRESH, environment={"PYTHONHASHSEED": _ANY_HASH_SEED})
    control = control_of(ADDRESSES)
    words = "each in a new interpreter with the same hash seed"
    with (
        laboratory.experiment(control, f'{words}, in turns with the experiment "{ADDRESSES}"') as usual,
        laboratory.experiment(ADDRESSES, f"{words} and the same addresses", against=control) as tally,
    ):
        for _ in range(_TURNS):
            seconds = laboratory.budget.share(_SHARE) / (2 * _TURNS)
            with _addresses_fixed():
                laboratory.run(tally, base, seconds=seconds, count=_INTERPRETERS)
            laboratory.run(usual, base, seconds=seconds, count=_INTERPRETERS)


@contextmanager
def _addresses_fixed() -> Iterator[None]:
    """No address space randomisation for the processes that are started meanwhile (personality(2))."""
    library = ctypes.CDLL(None)
    before = library.personality(_ASK)
    library.personality(before | _ADDR_NO_RANDOMIZE)
    try:
        yield
    finally:
        library.personality(before)


def _can_fix_addresses() -> bool:
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "personality"):
        return False
    with _addresses_fixed():
        return bool(library.personality(_ASK) & _ADDR_NO_RANDOMIZE)


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
    if name not in laboratory.arms:
        return None
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
