"""A search among all perturbations for one that makes the target fail: what `flakeproof amplify` does, alone."""

import shlex
from collections.abc import Mapping

from flakeproof.errors import StoppedError
from flakeproof.features.amplify.driver import Request, amplify
from flakeproof.features.amplify.levels import values_of, words_of
from flakeproof.features.amplify.records import Best
from flakeproof.features.diagnose.evidence import PROVOKED, Provocation
from flakeproof.features.diagnose.experiment_runner import Laboratory, changed, perturbed
from flakeproof.features.diagnose.experiments.alone import alone_spec, run_in_turns
from flakeproof.model import RunSpec
from flakeproof.perturbations.registry import KINDS
from flakeproof.perturbations.resolve import RunConditions, asked_for, perturbations_in

_SHARE = 0.4
_LEAST_SECONDS = 15.0
_ERROR = 0.01
_NOT_ALONE = ("workers", "isolation", "shuffle", "reverse")
"""What other experiments are about."""


def run_provoked(laboratory: Laboratory) -> Provocation | None:
    """Search; then run what was found, and the target alone, in turns. None where nothing raises the rate."""
    seconds = min(_SHARE * laboratory.budget.seconds, laboratory.room)
    if seconds < _LEAST_SECONDS:
        laboratory.notes.append("the time was too short to search among all perturbations")
        return None
    alone, patience = alone_spec(laboratory.given), laboratory.patience(seconds)

    def variant(values: Mapping[str, str]) -> RunSpec:
        perturbing = {name: value for name, value in values.items() if name in KINDS}
        asked = perturbations_in(perturbing, RunConditions(alone.target, alone.isolation))
        fields = [KINDS[name].field for name in perturbing]
        more = {field: getattr(asked.perturbations, field) for field in fields}
        return changed(perturbed(alone, **more), left_out=asked.left_out, patience=patience)

    flake = laboratory.flake
    signatures = {seen.failure.signature for arm in laboratory.arms.values() for seen in arm.tally.failures(flake)}
    request = Request(
        variant=variant,
        seconds=seconds,
        seed=laboratory.given.seed,
        error=_ERROR,
        signatures=sorted(signatures),
        fixed=(*_NOT_ALONE, *(kind.setting for kind in asked_for(alone.perturbations))),
        keeps_timeout=True,
        finds_line=False,
    )
    amplified = amplify(request, lambda text: None)
    if amplified.stopped is not None:
        raise StoppedError(amplified.stopped)
    found = amplified.found
    if found is None or found.best is None:
        return None
    values = values_of(found.best.setting, amplified.levels)
    options = shlex.join(words_of(values))
    run_in_turns(laboratory, PROVOKED, f"alone, with {options}", variant(values))
    factors = [factor for factor, _ in found.best.setting.levels]
    return Provocation(text=_told(found.best, options, found.trials), factors=factors, options=options)


def _told(best: Best, options: str, trials: int) -> str:
    seen = f"{best.rate.failures} of {best.rate.trials} failed"
    return f"a search among all perturbations ({trials:,} trials) ended with {options}: {seen}"
