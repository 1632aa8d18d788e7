"""The search for the tests that have an effect on another one, over an oracle that runs subsets of them."""

import math
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from flakeproof.stats.comparison import log_evidence_of_effect
from flakeproof.stats.culprits import SingleCulprit, repeats

Element = TypeVar("Element")

_DOUBTS = 3
"""Candidates that may fail to be confirmed before it is taken that it takes several."""
_MOST_PROBES = 4_000
_CALIBRATION = 12
_ALWAYS = 4
"""Runs that all show the effect after which it is taken to show always; the proof bears that out, or not."""
_FIRST_PAIRS = 2
_PAIRS = 5
"""Asked for at once; twice as many that all go one way are a proof at an error of 1 %."""
_TOGETHER = 0.8
_NOBODY = 0.95
_DOUBTFUL = 0.2
_AGAIN = 4
"""Times that all who are left run again when it looks as if it takes several."""
_MISSED = 0.1
"""Part of the error that each "does not show" of a minimisation may take."""


class Oracle(Protocol):
    """Runs candidates, by index and in their given order, together with the test in question."""

    def shows(self, subsets: Sequence[Collection[int]]) -> list[bool]:
        """Whether the effect showed in a run of each, run side by side."""


@dataclass(frozen=True)
class PairedRuns:
    """Runs with the culprits in pairs with runs without them."""

    shown: int
    """Runs with them in which the effect showed."""
    shown_without: int
    pairs: int
    log_evidence: float
    """Logarithm of the e-value for the effect."""
    proven: bool

    @property
    def rate(self) -> float:
        """With which the effect shows, for later decisions: nothing is certain that was seen a few times."""
        return 1.0 if self.shown == self.pairs else max(0.01, self.shown / self.pairs / 1.5)


@dataclass(frozen=True)
class Culprits:
    """Candidates that have the effect together, and not without any one of them."""

    members: tuple[int, ...]
    evidence: PairedRuns
    rate: float
    """With which the effect shows, as the search took it."""


class Search:
    """Finds culprits among `count` candidates that have the effect when all run."""

    def __init__(self, oracle: Oracle, count: int, error: float, at_once: int, seed: int) -> None:
        """`error` is the probability that an answer may be wrong with, `at_once` how many runs go side by side."""
        self._oracle = oracle
        self._count = count
        self._error = error
        self._at_once = at_once
        self._chance = random.Random(seed)

    def find(
        self,
        seen: Sequence[tuple[bool, bool]] = (),
        parts: Sequence[tuple[Collection[int], bool]] = (),
        suspect: Callable[["Culprits"], None] = lambda culprits: None,
    ) -> Culprits | None:
        """The culprits; None if none can be proven.

        `seen` are runs of all candidates, or of none of them: (whether of all, whether the effect showed); `parts` are
        runs of some of them. `suspect` hears of those that have had the effect each time, before the proof is complete.
        """
        universe = _Universe(self._count, seen)
        for held, shown in parts:
            universe.observe(held, shown=shown)
        self._narrow(universe)
        found = self._single(universe, suspect)
        return found if found is not None else self._several(universe, suspect)

    def is_left(self, without: Collection[int], rate: float) -> bool:
        """Whether the effect still shows when all but these run; `rate` is that of the effect so far."""
        rest = [one for one in range(self._count) if one not in set(without)]
        return bool(rest) and self._first_showing([rest], repeats(min(rate, 0.9999), self._error * _MISSED)) is not None

    def only_in_order(self, orders: Sequence[Sequence[int]], rate: float) -> bool:
        """Whether the effect shows in none of these `orders` of the culprits."""
        return self._first_showing(orders, repeats(min(rate, 0.9999), self._error * _MISSED)) is None

    def _narrow(self, universe: "_Universe") -> None:
        """Narrow down as if the effect always showed: then one of the parts of those that are left has to show it."""
        while len(universe.present) > 1 and not universe.shows_alone:
            parts = _split(universe.present, min(2 * self._at_once, len(universe.present)))
            parts = [part for part in parts if not universe.was_quiet(part)]
            before = len(universe.present)
            for start in range(0, len(parts), self._at_once):
                batch = parts[start : start + self._at_once]
                for part, shown in zip(batch, self._oracle.shows(batch), strict=True):
                    universe.observe(part, shown=shown)
                if len(universe.present) < before:
                    break
            else:
                return  # it takes several, or it shows in a part of the runs

    def _single(self, universe: "_Universe", suspect: Callable[["Culprits"], None]) -> Culprits | None:
        doubts = probes = 0
        while probes < _MOST_PROBES and doubts < _DOUBTS:
            belief = universe.belief
            if belief.together > _TOGETHER or belief.nobody > _NOBODY:
                break
            candidate, probability = universe.best()
            if probability < 1 - self._error:
                subsets = universe.next_subsets(self._at_once, self._chance)
                for subset, shown in zip(subsets, self._oracle.shows(subsets), strict=True):
                    universe.observe(subset, shown=shown)
                probes += len(subsets)
                continue
            evidence = self.prove((candidate,), belief.low_rate, suspect)
            if evidence.proven:
                return Culprits((candidate,), evidence, evidence.rate)
            doubts += 1
            for pair in range(evidence.pairs):
                universe.observe((candidate,), shown=pair < evidence.shown)
                universe.observe((), shown=pair < evidence.shown_without)
        return None

    def prove(
        self,
        members: Sequence[int],
        rate: float,
        suspect: Callable[["Culprits"], None] = lambda culprits: None,
    ) -> PairedRuns:
        """Run `members` in pairs with nobody until the effect is proven, or cannot be expected any more at `rate`.

        `suspect` is told of them if the first pairs all speak for it.
        """
        wanted = -math.log(self._error / 2)
        most = max(20, 3 * repeats(min(rate, 0.9999), self._error / 10))
        pairs = shown = shown_without = with_only = without_only = 0
        log_evidence = 0.0
        while log_evidence < wanted and (pairs < most or log_evidence > wanted / 3) and pairs < _MOST_PROBES:
            count = _PAIRS if pairs else _FIRST_PAIRS
            outcomes = self._oracle.shows([part for _ in range(count) for part in (members, ())])
            for with_them, without in zip(outcomes[::2], outcomes[1::2], strict=True):
                pairs += 1
                shown += with_them
                shown_without += without
                with_only += with_them and not without
                without_only += without and not with_them
            log_evidence = log_evidence_of_effect(with_only, without_only)
            if pairs == with_only == _FIRST_PAIRS:
                suspect(Culprits(tuple(members), PairedRuns(shown, shown_without, pairs, log_evidence, False), 1.0))
        return PairedRuns(shown, shown_without, pairs, log_evidence, log_evidence >= wanted)

    def _several(self, universe: "_Universe", suspect: Callable[[Culprits], None]) -> Culprits | None:
        """Several that only work together."""
        for present in dict.fromkeys((tuple(universe.present), tuple(range(self._count)))):
            outcomes: list[bool] = []
            while len(outcomes) < _CALIBRATION and not (len(outcomes) >= _ALWAYS and all(outcomes)):
                outcomes += self._oracle.shows([present] * self._at_once)
            shown = sum(outcomes)
            low = min(universe.belief.low_rate, max(0.02, shown / len(outcomes) / 1.5))
            # The first look at certainty may be wrong: then what comes out does not bear the proof.
            for assumed in (1.0, 0.3) if shown == len(outcomes) else (low, low / 3):
                times = repeats(assumed, self._error * _MISSED)
                if self._first_showing([present], times) is None:
                    continue
                members = minimise(present, partial(self._first_showing, times=times))
                evidence = self.prove(members, assumed, suspect)
                if evidence.proven:
                    return Culprits(tuple(members), evidence, evidence.rate)
        return None

    def _first_showing(self, parts: Sequence[Collection[int]], times: int) -> int | None:
        """The first of `parts` in which the effect shows within so many runs."""
        if times == 1:
            for start in range(0, len(parts), self._at_once):
                outcomes = self._oracle.shows(parts[start : start + self._at_once])
                if True in outcomes:
                    return start + outcomes.index(True)
            return None
        for place, part in enumerate(parts):
            left = times
            while left > 0:
                if any(self._oracle.shows([part] * min(left, self._at_once))):
                    return place
                left -= self._at_once
        return None


class _Universe:
    """The candidates that are left, and what is known of them.

    As long as the effect has never shown without any candidate, a run in which it showed holds all that it takes: what
    did not run is out of it, whether one or several are needed.
    """

    def __init__(self, count: int, seen: Sequence[tuple[bool, bool]]) -> None:
        self.present = list(range(count))
        self._runs: list[tuple[frozenset[int], bool]] = [
            (frozenset(self.present) if of_all else frozenset(), shown) for of_all, shown in seen
        ]
        self.shows_alone = any(shown and not held for held, shown in self._runs)
        self._again = _AGAIN
        self._suggested: list[int] = []
        self._renew()

    def observe(self, held: Collection[int], *, shown: bool) -> None:
        """Note a run of the candidates `held`."""
        run = frozenset(held)
        self._runs.append((run, shown))
        narrower = run & frozenset(self.present)
        if shown and not run:
            self.shows_alone = True
            self.present = sorted(frozenset[int]().union(*(one for one, _ in self._runs)))
            self._renew()
        elif shown and not self.shows_alone and run < frozenset(self.present):
            self.present = sorted(run)
            self._again = _AGAIN
            self._renew()
        elif shown and not self.shows_alone and len(narrower) < len(run):
            self._suggested = sorted(narrower)  # it may have been others in it than those that are left
        else:
            self.belief.observe([self._place[one] for one in narrower], shown=shown)

    def was_quiet(self, part: Collection[int]) -> bool:
        """Whether the effect did not show in a run of all of `part`."""
        return any(not shown and held.issuperset(part) for held, shown in self._runs)

    def best(self) -> tuple[int, float]:
        """The most probable candidate and its probability, given that it is a single one."""
        place, probability = self.belief.best()
        return self.present[place], probability / (1 - self.belief.together - self.belief.nobody)

    def next_subsets(self, wanted: int, chance: random.Random) -> list[list[int]]:
        """What to run next."""
        found = [[self.present[place] for place in part] for part in self.belief.next_subsets(wanted, chance)]
        if 0 < len(self._suggested) < len(self.present) and set(self._suggested) < set(self.present):
            found[0] = self._suggested
        self._suggested = []
        if self.belief.together > _DOUBTFUL and self._again:
            self._again -= 1
            found[-1] = list(self.present)  # how certain it is with all of them decides what the misses mean
        return found

    def _renew(self) -> None:
        """Work out what is known of those present from all the runs."""
        self._place = {one: place for place, one in enumerate(self.present)}
        self.belief = SingleCulprit(len(self.present))
        self.belief.observe_all(
            [([self._place[one] for one in held if one in self._place], shown) for held, shown in self._runs]
        )


def minimise(elements: Sequence[Element], first_showing: Callable[[list[list[Element]]], int | None]) -> list[Element]:
    """A 1-minimal part of `elements`, which have the effect together.

    `first_showing` is given parts and returns the index of the first one that has the effect, None if none has. Delta
    debugging, complements first: A. Zeller and R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE
    Transactions on Software Engineering 28(2), 2002 (ddmin). What it returns is 1-minimal: without any one element the
    effect is gone.
    """
    present = list(elements)
    pieces = 2
    while len(present) > 1:
        pieces = min(pieces, len(present))
        parts = _split(present, pieces)
        rests = [[one for other in parts if other is not part for one in other] for part in parts]
        found = first_showing(rests)
        if found is not None:
            present, pieces = rests[found], max(pieces - 1, 2)
        elif pieces == len(present):
            break
        else:
            pieces *= 2
    return present


def _split(elements: list[Element], pieces: int) -> list[list[Element]]:
    share, more = divmod(len(elements), pieces)
    parts: list[list[Element]] = []
    start = 0
    for piece in range(pieces):
        end = start + share + (piece < more)
        parts.append(elements[start:end])
        start = end
    return parts
