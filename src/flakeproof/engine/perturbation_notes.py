"""What was drawn for a trial of its surroundings, told with its failure."""

import msgspec

from flakeproof.model import CommandTarget, Failure, Isolation, RunSpec
from flakeproof_worker.shared.seeds import trial_seed
from flakeproof_worker.shared.variables import locale_of, zone_of


def with_drawn(failure: Failure, spec: RunSpec) -> Failure:
    """`failure` with the time zone and the locale of its trial, where these were drawn."""
    asked = spec.perturbations
    if len(asked.timezones) < 2 and len(asked.locales) < 2:
        return failure
    as_data = msgspec.to_builtins(asked)
    # A program that was started for the trial alone has a locale of its own, a worker process one for all its trials.
    own = isinstance(spec.target, CommandTarget) or spec.isolation is Isolation.FRESH
    at_start = failure.seed if own else trial_seed(spec.seed, failure.process)
    drawn = []
    if len(asked.timezones) > 1:
        drawn.append(f"--timezone {zone_of(as_data, failure.seed)}")
    if len(asked.locales) > 1:
        drawn.append(f"--locale {locale_of(as_data, at_start)}")
    return msgspec.structs.replace(failure, details={**failure.details, "drawn": drawn})
