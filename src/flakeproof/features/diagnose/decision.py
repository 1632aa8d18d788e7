"""From the evidence to the causes, ranked: a pure function. The table is in docs/diagnose.md."""

from collections.abc import Callable, Sequence

from flakeproof.features.diagnose.evidence import (
    AWAITED,
    COMPANY,
    MEASURED,
    MEASURED_MORE,
    PATIENT,
    UNCOLLECTED,
    Evidence,
)
from flakeproof.features.diagnose.records import FOUND, Cause, CauseId, Status
from flakeproof.features.diagnose.rules import (
    amplified,
    contention,
    randomness,
    recorded,
    sanitizer_findings,
    surroundings,
    test_order,
    timing,
)
from flakeproof.features.diagnose.rules.common import Next

_RULES: Sequence[Callable[[Evidence, Next], Cause]] = (
    test_order.polluter,
    test_order.brittle,
    test_order.itself,
    sanitizer_findings.descriptors,
    contention.contention,
    randomness.randomness,
    randomness.hash_order,
    randomness.addresses,
    surroundings.directory_order,
    surroundings.garbage,
    timing.thread_race,
    timing.async_race,
    sanitizer_findings.leaked_work,
    sanitizer_findings.leaked_resource,
    timing.clock,
    contention.load,
    amplified.scarcity,
    recorded.difference,
)
_STANDING = {Status.PROVEN: 0, Status.SUPPORTED: 1, Status.UNKNOWN: 2, Status.REFUTED: 3}
_SIGHTED = (CauseId.DESCRIPTOR_MISUSE, CauseId.LEAKED_WORK, CauseId.LEAKED_RESOURCE)
"""What can be found without any failure."""
_RACES = (CauseId.THREAD_RACE, CauseId.ASYNC_RACE)
_LEFT_BEHIND = (CauseId.LEAKED_WORK, CauseId.LEAKED_RESOURCE)
"""What a test that does harm to others may leave behind."""
_RANKS = (
    CauseId.FLOAT_ORDER,
    CauseId.DESCRIPTOR_MISUSE,
    CauseId.LEAKED_WORK,
    CauseId.LEAKED_RESOURCE,
    CauseId.ORDER_POLLUTER,
    CauseId.ORDER_BRITTLE,
    CauseId.SELF_POLLUTION,
    CauseId.RANDOMNESS,
    CauseId.HASH_ORDER,
    CauseId.ADDRESSES,
    CauseId.DIRECTORY_ORDER,
    CauseId.GARBAGE,
    CauseId.CLOCK,
    CauseId.CONTENTION,
    CauseId.THREAD_RACE,
    CauseId.ASYNC_RACE,
    CauseId.SCARCITY,
    CauseId.LOAD,
    CauseId.DIFFERENCE,
)
"""Of several that stand alike the one comes first that tells more: what is made of what, then what was seen with
the sanitizers' own eyes, then what decides about each trial, at last what only makes it more frequent."""


def decide(evidence: Evidence, following: Next) -> list[Cause]:
    """How each cause stands, best first. Without a failure only what sanitizers have found."""
    causes = [amplified.with_provocation(rule(evidence, following), evidence, following) for rule in _RULES]
    if evidence.flake is None:
        return [cause for cause in causes if cause.cause in _SIGHTED and cause.evidence]
    causes = [_once(cause, causes) for cause in causes]
    causes.append(randomness.float_order(evidence, following, causes))
    return sorted(causes, key=lambda cause: _rank(cause, causes, evidence))


def _once(cause: Cause, causes: Sequence[Cause]) -> Cause:
    """A difference at the line of a race is that race: it is told once."""
    racing = [one.place for one in causes if one.cause in _RACES and one.status in FOUND]
    if cause.cause is not CauseId.DIFFERENCE or cause.status not in FOUND or cause.place not in racing:
        return cause
    return Cause(cause=cause.cause, status=Status.UNKNOWN, statement="The difference is that of the race")


def is_settled(causes: Sequence[Cause], evidence: Evidence) -> bool:
    """Whether no further experiment can add to it: what was found decides about each single trial."""
    found = {cause.cause for cause in causes if cause.status in FOUND}
    if CauseId.RANDOMNESS in found and evidence.seeds is not None:
        return evidence.seeds.is_decisive
    if CauseId.HASH_ORDER in found and evidence.hash_seeds is not None:
        return evidence.hash_seeds.is_decisive
    if CauseId.ORDER_POLLUTER in found or CauseId.ORDER_BRITTLE in found:
        return evidence.polluters is not None and evidence.polluters.confirmed
    if CauseId.SELF_POLLUTION in found and (COMPANY in evidence.arms or not evidence.has_company):
        return evidence.itself is not None and evidence.itself.confirmed
    if CauseId.ADDRESSES in found or any(evidence.is_undone(name) for name in (MEASURED, MEASURED_MORE)):
        return True
    if CauseId.DIRECTORY_ORDER in found or evidence.is_undone(UNCOLLECTED) or evidence.is_undone(AWAITED):
        return True
    if CauseId.LOAD in found and evidence.is_undone(PATIENT):
        return True
    if evidence.line is not None and found & {CauseId.THREAD_RACE, CauseId.ASYNC_RACE, CauseId.CLOCK}:
        return True
    return CauseId.DESCRIPTOR_MISUSE in found


def _rank(cause: Cause, causes: Sequence[Cause], evidence: Evidence) -> tuple[int, bool, int]:
    """What is proven first; what tells how another test does harm stands as high as that it does."""
    explained = evidence.polluters is not None and evidence.polluters.is_explained
    rank = 1 + _RANKS.index(cause.cause)
    if explained and cause.cause is CauseId.ORDER_POLLUTER:
        rank = 0
    elif cause.cause in _LEFT_BEHIND and cause.status is Status.PROVEN:
        rank = -1
    standing = _STANDING[cause.status]
    if cause.cause in _LEFT_BEHIND and cause.status is Status.SUPPORTED:
        polluting = next(one for one in causes if one.cause is CauseId.ORDER_POLLUTER)
        standing = min(standing, _STANDING[polluting.status])
    return standing, not cause.evidence, rank
