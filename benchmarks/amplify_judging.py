"""What `flakeproof amplify` has made of a known flake: how much more often it fails, and what is named for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from flakeproof.features.amplify.records import AmplifyFindings, EffectKind

TIMES = 10.0
"""So many times the plain rate are enough,"""
MOSTLY = 0.5
"""and so is a rate above this one."""


class Named(StrEnum):
    """How well the driving factor was named."""

    RIGHT = "right"
    WRONG = "wrong"
    NONE = "none"


@dataclass(frozen=True)
class Judgement:
    """What a search is worth."""

    ratio: float | None
    """Of the rate with what was found to the plain one; where no plain test failed, to the upper end of the interval
    of the plain rate, so that it is a ratio of at least that. None if nothing was found."""
    at_least: bool
    """Whether no plain test failed."""
    amplified: bool
    """Whether that is enough: `TIMES` the plain rate, or above `MOSTLY`."""
    factor: str
    """What was named as driving; empty if nothing was."""
    named: Named


def judge(found: AmplifyFindings, drivers: Sequence[str]) -> Judgement:
    """The rate under the setting that was found against the plain one, and the factor that was named.

    Both rates are point estimates from the fresh trials that confirmed the setting; the interval is printed beside.
    """
    factor = driving(found)
    named = Named.NONE if not factor else Named.RIGHT if factor in drivers else Named.WRONG
    if found.best is None:
        return Judgement(None, False, False, factor, named)
    rate = found.best.rate.failures / found.best.rate.trials
    plain = found.plain
    at_least = not plain.failures
    below = plain.high if at_least else plain.failures / plain.trials
    ratio = rate / below if below else None
    amplified = rate > MOSTLY or (ratio is not None and ratio >= TIMES)
    return Judgement(ratio, at_least, amplified, factor, named)


def driving(found: AmplifyFindings) -> str:
    """The factor that is named first: the effect that raises the rate, among what was found if anything was.

    Where no effect is claimed, what was found names its factor only if it has but one.
    """
    raising = [effect.factor for effect in found.effects if effect.kind is EffectKind.RAISES]
    if found.best is None:
        return raising[0] if raising else ""
    chosen = [factor for factor, _ in found.best.setting.levels]
    for factor in raising:
        if factor in chosen:
            return factor
    return raising[0] if raising else chosen[0] if len(chosen) == 1 else ""


def is_false(found: AmplifyFindings) -> bool:
    """Whether something is said to raise the rate; in a twin nothing does."""
    return found.best is not None or bool(driving(found))
