"""What a search among all perturbations says of a cause."""

import msgspec

from flakeproof.features.diagnose.evidence import ALONE, PROVOKED, Evidence
from flakeproof.features.diagnose.records import Cause, CauseId, Status
from flakeproof.features.diagnose.report_numbers import arm, compared
from flakeproof.features.diagnose.rules.common import Next, by_absence

_SCARCE = frozenset({"max-fds", "ports", "temp-space"})
_FACTORS = {
    CauseId.SCARCITY: _SCARCE,
    CauseId.CLOCK: frozenset({"clock", "timezone"}),
    CauseId.HASH_ORDER: frozenset({"hash-seed"}),
    CauseId.RANDOMNESS: frozenset({"random-seed"}),
    CauseId.GARBAGE: frozenset({"gc"}),
    CauseId.DIRECTORY_ORDER: frozenset({"directory-order"}),
    CauseId.LOAD: frozenset({"noise", "cpus", "cpu-quota", "freeze", "nice"}),
    CauseId.THREAD_RACE: frozenset({"race", "delay"}),
    CauseId.ASYNC_RACE: frozenset({"race", "delay"}),
}
_RACES = (CauseId.THREAD_RACE, CauseId.ASYNC_RACE)
"""Pauses and races may as well do no more than take time."""
_STATEMENTS = {
    CauseId.SCARCITY: "Something that there is little of runs out",
    CauseId.CLOCK: "The time of day decides",
    CauseId.HASH_ORDER: "The order of a set decides",
    CauseId.RANDOMNESS: "What is drawn at random decides",
    CauseId.GARBAGE: "When garbage is collected decides",
    CauseId.DIRECTORY_ORDER: "The order in which a folder is listed decides",
    CauseId.LOAD: "A time limit is too short for a busy machine",
    CauseId.THREAD_RACE: "Threads come in an order that is not fixed",
    CauseId.ASYNC_RACE: "Tasks come in an order that is not fixed",
}


def scarcity(evidence: Evidence, following: Next) -> Cause:
    """Only the search tries it."""
    return by_absence(evidence, CauseId.SCARCITY, (), "", following)


def with_provocation(cause: Cause, evidence: Evidence, following: Next) -> Cause:
    """`cause`, supported where it was unknown and what the search came to is about nothing else."""
    found = evidence.provocation
    own = _FACTORS.get(cause.cause)
    if found is None or own is None or cause.status is not Status.UNKNOWN or not own & set(found.factors):
        return cause
    if not evidence.is_significant(PROVOKED, "rises"):
        return cause
    said = [*cause.evidence, found.text, arm(evidence, ALONE), compared(evidence, PROVOKED)]
    said = list(dict.fromkeys(said))
    if not set(found.factors) <= own or not _fits(cause.cause, evidence):
        return msgspec.structs.replace(cause, evidence=said, next=following.run(found.options))
    flake = evidence.flake
    return Cause(
        cause=cause.cause,
        status=Status.SUPPORTED if cause.cause in _RACES else Status.PROVEN,
        statement=_STATEMENTS[cause.cause],
        place=cause.place or (flake.place if flake is not None else None),
        evidence=said,
        next=following.run(found.options),
    )


def _fits(cause: CauseId, evidence: Evidence) -> bool:
    """Whether the target has what the cause takes."""
    seen, flake = evidence.witnessed, evidence.flake
    match cause:
        case CauseId.LOAD:
            return (flake is not None and flake.is_timeout) or seen.timed
        case CauseId.THREAD_RACE:
            return seen.several_threads and (seen.own_threads or not seen.coroutines)
        case CauseId.ASYNC_RACE:
            return bool(seen.coroutines) and not seen.own_threads
    return True
