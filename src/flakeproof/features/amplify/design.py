"""How the settings of a screening are drawn: each factor on or off by itself, so that every batch tells about all."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flakeproof.features.amplify.records import PLAIN, AmplifyFactor, AmplifySetting

Level = tuple[str, str]
"""(factor, level)."""

_ON_AT_ONCE = 4.0
"""Factors on in a batch, on average: with more of them their side effects bury the flake, with fewer a batch tells
less."""
_LEAST_CHANCE, _MOST_CHANCE = 0.25, 0.5


@dataclass(frozen=True)
class Design:
    """The factors that take part, and how likely each of them is on."""

    factors: Mapping[str, tuple[str, ...]]
    chance: float

    @classmethod
    def of(cls, factors: Mapping[str, tuple[str, ...]]) -> "Design":
        """A design for these factors, those without a level left out."""
        kept = {name: levels for name, levels in factors.items() if levels}
        wanted = _ON_AT_ONCE / len(kept) if kept else _LEAST_CHANCE
        return cls(kept, min(_MOST_CHANCE, max(_LEAST_CHANCE, wanted)))

    @property
    def levels(self) -> Iterator[Level]:
        """All that may be on."""
        return ((name, level) for name, levels in self.factors.items() for level in levels)

    def draw(self, chance: random.Random) -> AmplifySetting:
        """A setting."""
        found = PLAIN
        for name, levels in self.factors.items():
            if chance.random() < self.chance:
                found = found.plus(name, chance.choice(levels))
        return found

    def chance_of(self, level: Level) -> float:
        """The probability that a factor is at this level, given that it is there or off; 0 if it never is."""
        levels = self.factors.get(level[0], ())
        if level[1] not in levels:
            return 0.0
        there = self.chance / len(levels)
        return there / (there + 1 - self.chance)


def by_name(factors: "tuple[AmplifyFactor, ...] | list[AmplifyFactor]") -> dict[str, tuple[str, ...]]:
    """The levels of each factor. Raises ValueError for a name or a level that comes twice, or has no text."""
    found: dict[str, tuple[str, ...]] = {}
    for factor in factors:
        if not factor.name or factor.name in found:
            raise ValueError(f"each factor needs a name of its own, got {factor.name!r}")
        if not factor.levels or len(set(factor.levels)) < len(factor.levels):
            raise ValueError(f"the factor {factor.name!r} needs levels that differ, got {factor.levels}")
        found[factor.name] = factor.levels
    return found
