"""What is known so far that makes one experiment or another the most promising one."""

from flakeproof.features.diagnose.decision import decide
from flakeproof.features.diagnose.evidence import ALONE, COMPANY, GIVEN, SANITIZED, SHUFFLED
from flakeproof.features.diagnose.experiments.traced import can_be_traced
from flakeproof.features.diagnose.observed_calls import (
    ADDRESS,
    CLOCK,
    FINALISED,
    LIMIT,
    LISTING,
    OUTSIDE,
    SETS,
    STOPWATCH,
)
from flakeproof.features.diagnose.records import FOUND, Cause, CauseId
from flakeproof.features.diagnose.rules.common import Next
from flakeproof.features.diagnose.study import Study

_OF_SEEDS = (CauseId.RANDOMNESS, CauseId.HASH_ORDER)


def causes(study: Study) -> list[Cause]:
    return decide(study.evidence, Next(run=str, run_all=str, words=str, longer=""))


def explaining(study: Study) -> list[Cause]:
    """Causes that say where it goes wrong, and not only what makes that more frequent."""
    return [cause for cause in causes(study) if cause.status in FOUND and cause.place is not None]


def has_limits(study: Study) -> bool:
    return study.laboratory.flake is not None and LIMIT in study.witnessed.places


def measures_time(study: Study) -> bool:
    seen = study.witnessed
    return study.laboratory.flake is not None and (STOPWATCH in seen.places or CLOCK in seen.places)


def of_addresses(study: Study) -> bool:
    seen = study.witnessed.places
    alike = bool(study.evidence.arm(ALONE).correlation)
    return study.asked_seeds and (ADDRESS in seen or SETS in seen or alike)


def decided_by_seed(study: Study) -> bool:
    """Whether numbers that are drawn, or the order of sets, are known to decide: then no pause does."""
    return any(cause.cause in _OF_SEEDS and cause.status in FOUND for cause in causes(study))


def can_trace(study: Study) -> bool:
    if in_company(study) and SANITIZED not in study.laboratory.arms:
        return False
    return can_be_traced(study.laboratory) and study.asked_seeds


def as_given_only(study: Study) -> bool:
    """Whether it fails as it was given, with copies beside it, and not, or far more rarely, alone."""
    laboratory, evidence = study.laboratory, study.evidence
    if study.had_company or study.itself is not None:
        return False
    return evidence.is_significant(GIVEN, "rises") or bool(laboratory.failed(GIVEN) and not laboratory.failed(ALONE))


def reads(study: Study, *kinds: str) -> bool:
    """Whether nothing has failed so far, and a trial that passed does something of the kind."""
    seen = study.witnessed
    return study.laboratory.flake is None and any(kind in seen.places for kind in kinds)


def in_company(study: Study) -> bool:
    """Whether it is other tests that make it fail, or keep it from failing: who they are is to be found first."""
    evidence = study.evidence
    rises = any(evidence.is_significant(name, "rises") for name in (COMPANY, SHUFFLED))
    return rises or evidence.is_significant(COMPANY, "falls")


def may_leave_something(study: Study) -> bool:
    """Whether what the sanitizers look for is likely: a descriptor in wrong hands, a wait, something left behind."""
    flake = study.laboratory.flake
    return of_descriptors(study) or in_company(study) or (flake is not None and flake.is_timeout)


def of_descriptors(study: Study) -> bool:
    flake = study.laboratory.flake
    return flake is not None and flake.is_of_descriptors


def of_copies(study: Study) -> bool:
    """Also where it is slow and has not failed so far: most slow tests wait, and many of them do that at once."""
    return of_places(study) or (study.laboratory.flake is None and study.laboratory.is_slow)


def of_places(study: Study) -> bool:
    flake = study.laboratory.flake
    return as_given_only(study) or (flake is not None and flake.is_of_places) or reads(study, OUTSIDE)


def of_time(study: Study) -> bool:
    flake = study.laboratory.flake
    late = flake is not None and flake.is_timeout and not study.evidence.outlasts_limits
    return late or as_given_only(study) or reads(study, STOPWATCH)


def of_clock(study: Study) -> bool:
    """Whether it reads the time of day, and has nothing else that could come in another order."""
    seen = study.witnessed
    fails = study.laboratory.flake is not None and study.asked_seeds and CLOCK in seen.places
    return reads(study, CLOCK) or (fails and not study.may_race and not of_time(study))


def of_timing(study: Study) -> bool:
    """Whether it fails by itself, by no seed, and has what a pause can bring into another order."""
    seen = study.witnessed
    if study.laboratory.flake is None:
        return seen.looked and study.may_race
    if not study.asked_seeds or not seen.looked or of_time(study) or of_places(study):
        return False
    return seen.several_threads or bool(seen.coroutines) or CLOCK in seen.places


def lists(study: Study) -> bool:
    """Whether it lists a folder; before seeds, which decide about names that are drawn."""
    return LISTING in study.witnessed.places


def finalises(study: Study) -> bool:
    """Whether it has what goes when garbage is collected, and hangs on no seed as far as was asked."""
    ready = study.laboratory.flake is None or study.asked_seeds
    return ready and FINALISED in study.witnessed.places


def waits_in_vain(study: Study) -> bool:
    """Whether it fails by a limit, also by one that is far longer, and threads or tasks may have missed each other."""
    flake = study.laboratory.flake
    late = flake is not None and flake.is_timeout and study.evidence.outlasts_limits
    return late and study.witnessed.looked and study.may_race
