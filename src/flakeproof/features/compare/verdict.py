"""Decide whether a fix is proven: a pure, anytime-valid function of the counts.

| evidence of an effect | evidence of futility | the fix | both arms fail every time | verdict |
|---|---|---|---|---|
| at least 1 / error | any | never failed | any | fixed |
| at least 1 / error | any | failed | any | reduced |
| less | at least 1 / error | any | any | not fixed; reduced if a kind of failure is proven gone |
| less | less | any | proven | not fixed |
| less | less | any | not proven | inconclusive |

Each kind of failure has its own evidence. The k-th kind seen counts as gone at evidence k (k + 1) / error, so that all
these errors together stay below the allowed error. A kind seen only in the fix may be a kind of the base under another
name, because a fix renames what it touches: so it counts against every kind of the base. The comparison does not end at
"not fixed" while a kind is half proven gone (on a logarithmic scale, and never seen in the fix), so that one bug does
not hide that another is fixed.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from flakeproof.errors import ExitCode, exit_code_of_signal
from flakeproof.features.compare.history import ComparisonHistory, SignatureCount
from flakeproof.features.compare.records import AnyComparisonEvent, ComparisonSpec, PairEnded
from flakeproof.stats.comparison import log_evidence_of_effect, log_evidence_of_futility
from flakeproof.stats.threshold import log_evidence_above

_HALF = 0.5


class FixVerdict(StrEnum):
    """The conclusion about the fix."""

    FIXED = "fixed"
    REDUCED = "reduced"
    """The fix fails less often, but it still fails; or some of several kinds of failure are gone."""
    NOT_FIXED = "not fixed"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Weighed:
    """The evidence about one kind of failure, or about all together, as logarithms of e-values."""

    effect: float
    futility: float
    wanted: float

    @property
    def is_effect(self) -> bool:
        """Whether it is proven that the fix fails less often."""
        return self.effect >= self.wanted

    @property
    def is_futile(self) -> bool:
        """Whether it is proven that the reduction is smaller than the one wanted."""
        return self.futility >= self.wanted


@dataclass(frozen=True)
class Decision:
    """The verdict and its evidence."""

    verdict: FixVerdict
    over: bool
    """Whether the comparison may end."""
    whole: Weighed
    gone: tuple[str, ...]
    """Signatures that are proven to be gone."""


def decide(spec: ComparisonSpec, history: ComparisonHistory) -> Decision:
    """The verdict so far."""
    whole = weigh(history.pairs["base"], history.pairs["fix"], spec, 0)
    kinds = weigh_kinds(spec, history)
    gone = tuple(name for name, count, weighed in kinds if weighed.is_effect and not count.fix_trials)
    both_broken = _fails_always(history, spec.error)
    verdict = table(
        effect=whole.is_effect,
        futile=whole.is_futile,
        fix_fails=history.fix.failed > 0,
        both_broken=both_broken,
        any_gone=bool(gone),
    )
    over = verdict is not FixVerdict.INCONCLUSIVE
    if over and not whole.is_effect and any(_is_half_proven(count, weighed) for _, count, weighed in kinds):
        over = False
    return Decision(verdict, over, whole, gone)


def table(*, effect: bool, futile: bool, fix_fails: bool, both_broken: bool, any_gone: bool) -> FixVerdict:
    """The decision table above."""
    if effect:
        return FixVerdict.REDUCED if fix_fails else FixVerdict.FIXED
    if futile:
        return FixVerdict.REDUCED if any_gone else FixVerdict.NOT_FIXED
    return FixVerdict.NOT_FIXED if both_broken else FixVerdict.INCONCLUSIVE


def weigh(base: int, fix: int, spec: ComparisonSpec, order: int) -> Weighed:
    """The evidence of `base` and `fix` pairs lost; `order` is the ordinal of the kind, from 1; 0 for all together."""
    wanted = -math.log(spec.error) + (math.log(order * (order + 1)) if order else 0.0)
    return Weighed(log_evidence_of_effect(base, fix), log_evidence_of_futility(base, fix, spec.reduction), wanted)


def weigh_kinds(spec: ComparisonSpec, history: ComparisonHistory) -> list[tuple[str, SignatureCount, Weighed]]:
    """The evidence of each kind of failure, in the order in which they were first seen."""
    news = sum(count.fix for count in history.signatures.values() if not count.base_trials)
    found = []
    for order, (name, count) in enumerate(history.signatures.items(), 1):
        own = weigh(count.base, count.fix, spec, order)
        against = weigh(count.base, count.fix + news, spec, order) if count.base_trials else own
        found.append((name, count, Weighed(against.effect, own.futility, own.wanted)))
    return found


def exit_code(verdict: FixVerdict, stopped: str | None) -> ExitCode:
    """The exit code.

    | verdict | ended by itself | by a signal |
    |---|---|---|
    | fixed | 0 | 0 |
    | reduced, not fixed | 1 | 1 |
    | inconclusive | 4 | 130 or 143 |
    """
    if verdict is FixVerdict.FIXED:
        return ExitCode.GOOD
    if verdict is not FixVerdict.INCONCLUSIVE:
        return ExitCode.FAILURES
    return exit_code_of_signal(stopped) or ExitCode.INCONCLUSIVE


def _is_half_proven(count: SignatureCount, weighed: Weighed) -> bool:
    return not count.fix_trials and not weighed.is_effect and weighed.effect >= weighed.wanted / 2


def _fails_always(history: ComparisonHistory, error: float) -> bool:
    """Whether both arms failed every time, and it is proven that each fails more often than it passes."""
    return all(
        not arm.passed and arm.failed and log_evidence_above(arm.failed, arm.failed, _HALF) >= -math.log(error)
        for arm in (history.base, history.fix)
    )


Listener = Callable[[AnyComparisonEvent], None]


class Referee:
    """Counts the events of a comparison while it runs, and says whether it is decided."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        """Each of `listeners` hears every event, after it has been counted in `history`."""
        self._listeners = listeners
        self._over = False
        self.history = ComparisonHistory()

    def hear(self, event: AnyComparisonEvent) -> None:
        """Take in `event`."""
        self.history.add(event)
        for listener in self._listeners:
            listener(event)
        # A clean pair decides nothing, and most pairs are clean.
        if isinstance(event, PairEnded) and not event.is_clean and self.history.spec is not None:
            self._over = decide(self.history.spec, self.history).over

    def is_over(self) -> bool:
        """Whether the comparison is decided."""
        return self._over

    def is_spent(self) -> bool:
        """Whether the test budget (--count) is used up."""
        spec = self.history.spec
        return spec is not None and spec.most_trials is not None and self.history.trials >= spec.most_trials
