"""Whether the company of others makes a difference to the test at all, and in which order it does."""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from flakeproof.features.isolate.records import Kind
from flakeproof.features.isolate.victim_runs import Arrangement, Company, Seen, Tally
from flakeproof.stats.comparison import log_evidence_of_effect
from flakeproof.stats.culprits import repeats

_ALONE = 3
_LEAST_RATE = 0.02
"""What fails more seldom than this is not waited for."""
_MOST_PAIRS = 60
_OTHER_ORDERS = 8
"""Orders that a test which fails alone is tried in."""
_RUNS_FOR_A_RATE = 20
DEFAULT = "the order of collection"


@dataclass
class Reproduction:
    """What was seen before anything was searched for."""

    kind: Kind = Kind.INTERRUPTED
    arrangement: Arrangement = field(default_factory=Arrangement)
    """The company that makes the difference."""
    words: str = DEFAULT
    alone: Tally = field(default_factory=Tally)
    in_order: Tally = field(default_factory=Tally)
    """In the order that was started from."""
    elsewhere: Tally = field(default_factory=Tally)
    """In other orders."""
    of_arrangement: Tally = field(default_factory=Tally)

    @property
    def seen(self) -> list[tuple[bool, bool]]:
        """The runs so far as the search wants them: whether in company, whether the effect showed."""
        of_effect = self.kind is not Kind.BRITTLE
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
            found.alone, found.in_order = Tally(), Tally()
            alone = self._first_look()
        if all(one.failed is None for one in alone):
            found.kind = Kind.NO_OUTCOME
            return
        if not found.alone.failed:
            self._search_for_failure()
        elif found.alone.failed == found.alone.runs:
            self._search_for_company_that_helps()
        else:
            self.compare()

    def _first_look(self) -> list[Seen]:
        found, at_once = self.found, self._company.probing.at_once
        alone = self._try(Arrangement(), found.alone, max(_ALONE, at_once))
        if found.arrangement.others:
            self._try(found.arrangement, found.in_order, at_once)
        found.of_arrangement = found.in_order
        return alone

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
                    found.kind = Kind.POLLUTED
                    return
                if log_evidence_of_effect(fewer, more) >= wanted:
                    found.kind = Kind.BRITTLE
                    return
        while found.alone.runs < _RUNS_FOR_A_RATE:
            self._try(Arrangement(), found.alone, at_once)
        found.kind = Kind.FAILS_ALONE if found.alone.failed else Kind.NOT_REPRODUCED

    def _start(self) -> Arrangement:
        order = self._given or self._items
        return Arrangement(tuple(order[: order.index(self._company.test)]))

    def _search_for_failure(self) -> None:
        found, at_once = self.found, self._company.probing.at_once
        if found.in_order.failed:
            found.kind = Kind.POLLUTED
            return
        found.kind = Kind.NOT_REPRODUCED
        enough = repeats(_LEAST_RATE, self._error)
        others = self._other_orders()
        while found.alone.runs < enough:
            for _ in range(2):
                if found.arrangement.others and found.in_order.runs < enough:
                    self._try(found.arrangement, found.in_order, at_once)
            if found.in_order.failed:
                found.kind = Kind.POLLUTED
                return
            words, other = next(others)
            if other.others and self._tried(words, other, at_once, failed=True):
                found.kind = Kind.POLLUTED
                return
            self._try(Arrangement(), found.alone, at_once)
            if found.alone.failed:
                self.compare()
                return

    def _search_for_company_that_helps(self) -> None:
        found, at_once = self.found, self._company.probing.at_once
        found.kind = Kind.BRITTLE
        if found.in_order.failed < found.in_order.runs:
            return
        others = self._other_orders()
        for _ in range(_OTHER_ORDERS):
            words, other = next(others)
            if other.others and self._tried(words, other, at_once, failed=False):
                return
        self.compare() if found.in_order.failed < found.in_order.runs else self._settle_for_alone()

    def _settle_for_alone(self) -> None:
        found = self.found
        while found.alone.runs < _RUNS_FOR_A_RATE:
            self._try(Arrangement(), found.alone, self._company.probing.at_once)
        if found.alone.failed < found.alone.runs:
            self.compare()
        else:
            found.kind = Kind.FAILS_ALONE

    def _tried(self, words: str, other: Arrangement, times: int, *, failed: bool) -> bool:
        """Try another order; if the test ends like this in it, that is the order from now on."""
        tally = Tally()
        self._try(other, tally, times)
        self.found.elsewhere.failed += tally.failed
        self.found.elsewhere.runs += tally.runs
        if not (tally.failed if failed else tally.runs - tally.failed):
            return False
        self.found.arrangement, self.found.words, self.found.of_arrangement = other, words, tally
        return True

    def _try(self, arrangement: Arrangement, tally: Tally, times: int) -> list[Seen]:
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
