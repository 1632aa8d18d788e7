"""Whether the company of others makes a difference to the test at all, and in which order it does."""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from flakeproof.features.isolate.probes import ProbingStoppedError
from flakeproof.features.isolate.records import CulpritKind
from flakeproof.features.isolate.victim_runs import Arrangement, ArrangementOutcome, ArrangementTally, Company
from flakeproof.stats.comparison import log_evidence_of_effect
from flakeproof.stats.culprits import repeats

_ALONE = 3
_PARTS = 4
"""Into how many parts the company is cut; half of them run beside the whole, which takes longer than they do."""
_LEAST_TO_CUT = 8
_AGAIN = 2
_BOUND = 0.1
"""What fails more seldom than this, alone or in the order of collection, is not waited for."""
_BOUND_GIVEN = 0.05
"""The same for an order in which it is said to have failed."""
_MOST_PAIRS = 60
_OTHER_ORDERS = 8
"""Orders that a test is tried in, beside the one that was started from."""
_ONE_BY_ONE_SHARE = 0.2
"""Part of all the time for running each other test by itself before the test in question."""
_RUNS_FOR_A_RATE = 20
DEFAULT = "the order of collection"


@dataclass
class Reproduction:
    """What was seen before anything was searched for."""

    kind: CulpritKind = CulpritKind.INTERRUPTED
    arrangement: Arrangement = field(default_factory=Arrangement)
    """The company that makes the difference."""
    words: str = DEFAULT
    alone: ArrangementTally = field(default_factory=ArrangementTally)
    in_order: ArrangementTally = field(default_factory=ArrangementTally)
    """In the order that was started from."""
    elsewhere: ArrangementTally = field(default_factory=ArrangementTally)
    """In other orders."""
    of_arrangement: ArrangementTally = field(default_factory=ArrangementTally)
    of_parts: list[tuple[tuple[str, ...], bool]] = field(default_factory=list)
    """Runs of parts of `arrangement`: the other tests, and whether the test failed."""
    one_by_one: int = 0
    """Other tests that each have run alone before it, without an effect."""

    @property
    def seen(self) -> list[tuple[bool, bool]]:
        """The runs so far as the search wants them: whether in company, whether the effect showed."""
        of_effect = self.kind is not CulpritKind.BRITTLE
        found: list[tuple[bool, bool]] = []
        for in_company, tally in ((True, self.of_arrangement), (False, self.alone)):
            found += [(in_company, of_effect)] * tally.failed + [(in_company, not of_effect)] * (
                tally.runs - tally.failed
            )
        return found


class Reproducing:
    """Tries the test alone and in company until there is a difference, or none can be expected any more."""

    def __init__(
        self, company: Company, items: Sequence[str], order: Sequence[str], words: str, error: float, seed: int
    ):
        """`order` is one in which it is said to have failed; empty for none, then `words` do not matter."""
        self._company = company
        self._items = list(items)
        self._given = list(order)
        self._error = error
        self._chance = random.Random(seed)
        self._words = words if order else DEFAULT
        self.found = Reproduction()

    def run(self) -> None:
        """Fill `found`."""
        found, company = self.found, self._company
        found.arrangement, found.words = self._start(), self._words
        alone = self._first_look()
        if company.fails_itself and company.fails_around:
            # What fails at the teardown of its class or module, too, is another matter.
            company.counts_teardown = False
            found.alone, found.in_order = ArrangementTally(), ArrangementTally()
            alone = self._first_look()
        if all(one.failed is None for one in alone):
            found.kind = CulpritKind.NO_OUTCOME
            return
        if not found.alone.failed:
            self._search_for_failure()
        elif found.alone.failed == found.alone.runs:
            self._search_for_company_that_helps()
        else:
            self.compare()

    def _first_look(self) -> list[ArrangementOutcome]:
        """The whole company, the test alone, and parts of the company that tell more should the whole show it."""
        found = self.found
        whole = found.arrangement
        others = whole.others
        size = -(-len(others) // _PARTS)
        cut = len(others) >= _LEAST_TO_CUT and len(set(others)) == len(others)
        parts = [others[start : start + size] for start in range(0, len(others), size)][: _PARTS // 2] if cut else []
        # The whole first: it takes longest, and the others run beside it.
        wanted = [*([whole] if others else []), Arrangement(), *(Arrangement(part) for part in parts)]
        try:
            seen = self._company.run(wanted)
        except ProbingStoppedError as stopped:  # what the test does alone is known long before the rest
            if (ran := stopped.ran.get(1 if others else 0)) is not None:
                found.alone.add(self._company.seen(ran))
            raise
        if others:
            found.in_order.add(seen[0])
        alone, *rest = seen[1:] if others else seen
        found.alone.add(alone)
        found.of_parts = [(part, one.failed) for part, one in zip(parts, rest, strict=True) if one.failed is not None]
        found.of_arrangement = found.in_order
        return [alone, *self._try(Arrangement(), found.alone, _ALONE - 1)] if alone.failed is not False else [alone]

    def compare(self) -> None:
        """Find out in pairs whether the company makes a difference to a test that fails now and then by itself."""
        found, at_once = self.found, self._company.probing.at_once
        wanted = -math.log(self._error / 2)
        more = fewer = pairs = 0
        if found.arrangement.others:
            while pairs < _MOST_PAIRS:
                count = max(1, at_once // 2)
                seen = self._company.run([part for _ in range(count) for part in (found.arrangement, Arrangement())])
                for company, alone in zip(seen[::2], seen[1::2], strict=True):
                    found.of_arrangement.add(company)
                    found.alone.add(alone)
                    pairs += 1
                    more += company.failed is True and alone.failed is False
                    fewer += alone.failed is True and company.failed is False
                if log_evidence_of_effect(more, fewer) >= wanted:
                    found.kind = CulpritKind.POLLUTED
                    return
                if log_evidence_of_effect(fewer, more) >= wanted:
                    found.kind = CulpritKind.BRITTLE
                    return
        while found.alone.runs < _RUNS_FOR_A_RATE:
            self._try(Arrangement(), found.alone, at_once)
        found.kind = CulpritKind.FAILS_ALONE if found.alone.failed else CulpritKind.NOT_REPRODUCED

    def _start(self) -> Arrangement:
        order = self._given or self._items
        return Arrangement(tuple(order[: order.index(self._company.test)]))

    def _search_for_failure(self) -> None:
        found, company = self.found, self._company
        found.kind = CulpritKind.POLLUTED
        if found.in_order.failed:
            return
        for part, failed in found.of_parts:
            if failed:
                self._start_from("a part of it", Arrangement(part), ArrangementTally(1, 1))
                return
        found.of_parts = []
        others = self._other_orders()
        for words, other in islice(others, 3):
            if other.others and self._tried(words, other, 1, failed=True):
                return
        if self._fails_again():
            found.kind = CulpritKind.REPEATED
            return
        if self.one_by_one(failing=True):
            return
        enough = repeats(_BOUND_GIVEN if self._given else _BOUND, 0.05)
        for words, other in islice(others, _OTHER_ORDERS):
            if other.others and self._tried(words, other, 1, failed=True):
                return
        for tally, arrangement in ((found.alone, Arrangement()), (found.in_order, found.arrangement)):
            while tally.runs < enough and (arrangement.others or tally is found.alone):
                before = tally.runs
                self._try(arrangement, tally, company.probing.at_once)
                if found.alone.failed:
                    self.compare()
                    return
                if tally.failed:
                    return
                if tally.runs == before:
                    break  # it has no outcome any more
        found.kind = CulpritKind.NOT_REPRODUCED

    def _fails_again(self) -> bool:
        """Whether it fails when it has run before in the same process."""
        tally, company = ArrangementTally(), Arrangement((self._company.test,))
        self._try(company, tally, _AGAIN)
        if not tally.runs or tally.failed < tally.runs:
            return False
        self._try(Arrangement(), self.found.alone, _ALONE)
        if self.found.alone.failed:
            return False
        self._start_from("a second run in one process", company, tally)
        return True

    def one_by_one(self, *, failing: bool) -> bool:
        """Run each other test by itself before the test; one that makes it fail (or pass) is its company then."""
        found, company = self.found, self._company
        others = [one for one in self._items if one not in (company.test, *company.enders)]
        step = 4 * company.probing.at_once
        with company.probing.part(_ONE_BY_ONE_SHARE):
            for start in range(0, len(others), step):
                batch = others[start : start + step]
                for one, seen in zip(batch, company.run([Arrangement((other,)) for other in batch]), strict=True):
                    found.elsewhere.add(seen)
                    if seen.failed is failing:
                        tally = ArrangementTally()
                        tally.add(seen)
                        self._start_from("the order of both", Arrangement((one,)), tally)
                        return True
                    found.one_by_one += seen.failed is not None
        return False

    def _search_for_company_that_helps(self) -> None:
        found, at_once = self.found, self._company.probing.at_once
        found.kind = CulpritKind.BRITTLE
        if found.in_order.failed < found.in_order.runs:
            return
        for part, failed in found.of_parts:
            if not failed:
                self._start_from("a part of it", Arrangement(part), ArrangementTally(0, 1))
                return
        found.of_parts = []
        others = self._other_orders()
        for _ in range(_OTHER_ORDERS):
            words, other = next(others)
            if other.others and self._tried(words, other, 1, failed=False):
                return
        if self.one_by_one(failing=False):
            return
        if found.arrangement.others:
            self._try(found.arrangement, found.in_order, at_once)
        self.compare() if found.in_order.failed < found.in_order.runs else self._settle_for_alone()

    def _settle_for_alone(self) -> None:
        found = self.found
        while found.alone.runs < _RUNS_FOR_A_RATE:
            self._try(Arrangement(), found.alone, self._company.probing.at_once)
        if found.alone.failed < found.alone.runs:
            self.compare()
        else:
            found.kind = CulpritKind.FAILS_ALONE

    def _tried(self, words: str, other: Arrangement, times: int, *, failed: bool) -> bool:
        """Try another order; if the test ends like this in it, that is the order from now on."""
        tally = ArrangementTally()
        self._try(other, tally, times)
        self.found.elsewhere.failed += tally.failed
        self.found.elsewhere.runs += tally.runs
        if not (tally.failed if failed else tally.runs - tally.failed):
            return False
        self._start_from(words, other, tally)
        return True

    def _start_from(self, words: str, arrangement: Arrangement, tally: ArrangementTally) -> None:
        """That is the company that makes the difference."""
        self.found.arrangement, self.found.words, self.found.of_arrangement = arrangement, words, tally
        self.found.of_parts = []

    def _try(self, arrangement: Arrangement, tally: ArrangementTally, times: int) -> list[ArrangementOutcome]:
        seen = self._company.run([arrangement] * times)
        for one in seen:
            tally.add(one)
        return seen

    def _other_orders(self) -> Iterator[tuple[str, Arrangement]]:
        order, test = self._given or self._items, self._company.test
        place = order.index(test)
        others = [one for one in self._items if one != test]
        yield f"{self._words}, to its end", Arrangement(tuple(order[:place]), tuple(order[place + 1 :]))
        yield "all others before it", Arrangement(tuple(others))
        yield "all others before it, backwards", Arrangement(tuple(reversed(others)))
        while True:
            self._chance.shuffle(others)
            yield "a random order", Arrangement(tuple(others))
