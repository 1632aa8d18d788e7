"""Which differences between failing and passing trials are no chance, and what they say."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from flakeproof.features.diagnose.differences.predicates import Predicate, PredicateKind, predicates_of
from flakeproof.features.diagnose.differences.traces import Trace
from flakeproof.stats.predicates import Separation, separate

ERROR = 0.01
"""Probability that any of the differences reported is chance."""
_LEAST_STRENGTH = 0.3


@dataclass(frozen=True)
class TrialDifference:
    """Predicates that go together, the earliest of them first."""

    leader: Predicate
    others: Sequence[Predicate]
    separation: Separation

    @property
    def is_whole(self) -> bool:
        """Whether it was so in all failures and no pass, or the other way round."""
        return abs(self.separation.strength) >= 1


def differences(
    traces: Sequence[Trace],
    failed_trials: Collection[int],
    *,
    seed: int = 0,
    goes_on: Callable[[], bool] = lambda: True,
) -> list[TrialDifference]:
    """What tells failing from passing trials, the clearest first; of what is equally clear, the earliest.

    Raises ValueError unless some failed and some passed.
    """
    labels = sum((trace.trial in failed_trials) << place for place, trace in enumerate(traces))
    found = predicates_of(traces, lambda trace: trace.trial in failed_trials)
    separations = separate([one.pattern for one in found], labels, len(traces), seed=seed, goes_on=goes_on)
    everything = (1 << len(traces)) - 1
    groups: dict[int, list[tuple[Predicate, Separation]]] = {}
    for predicate, separation in zip(found, separations, strict=True):
        if separation.adjusted <= ERROR and abs(separation.strength) >= _LEAST_STRENGTH:
            groups.setdefault(min(predicate.pattern, everything ^ predicate.pattern), []).append(
                (predicate, separation)
            )
    grouped = []
    for members in groups.values():
        members.sort(key=lambda member: (member[0].moment, _ORDER.index(member[0].kind), member[0].line))
        leader, separation = members[0]
        grouped.append(TrialDifference(leader, [one for one, _ in members[1:]], separation))
    return sorted(
        grouped,
        key=lambda one: (one.separation.p, -abs(one.separation.strength), one.leader.moment),
    )


_ORDER = (
    PredicateKind.VALUE,
    PredicateKind.RAISED,
    PredicateKind.REACHED,
    PredicateKind.INTERRUPTION,
    PredicateKind.SWITCH,
    PredicateKind.TIMES,
    PredicateKind.DURATION,
)
"""Of predicates of the same moment the one comes first that says more."""
