"""The hunt for all sets of tests that make the difference: one after the other, each proven, the first told at once."""

from collections.abc import Callable, Collection, Sequence
from itertools import islice, permutations

import msgspec

from flakeproof.features.isolate.culprit_search import Culprits, Search
from flakeproof.features.isolate.leftover_state import Carriers
from flakeproof.features.isolate.records import CulpritKind, CulpritSet, Member, Rate
from flakeproof.features.isolate.reproduction import Reproduction
from flakeproof.features.isolate.victim_runs import Arrangement, ArrangementTally, Company
from flakeproof.model import Carrier
from flakeproof.results.summary import anytime_interval

_CONFIDENCE = 0.95
_MOST_ORDERS = 24
"""Other orders of a set of culprits that are tried."""
_ONE_BY_ONE_SHARE = 0.2
"""Part of all the time for running each other test by itself before the test in question."""
_FURTHER_SHARE = 0.2
"""And for proving those that had an effect then, and for looking whether the rest has one."""


class ExplainedOtherwiseError(Exception):
    """What was taken for the work of other tests is something else."""


class Hunt:
    """Finds sets of culprits, and says what was tried of all others."""

    def __init__(
        self,
        company: Company,
        found: Reproduction,
        items: Sequence[str],
        *,
        error: float,
        seed: int,
        most: int,
        confirm: Callable[[Arrangement, float], tuple[str, bool | None, str]],
        tell: Callable[[CulpritSet], None],
        doubt: Callable[[], bool],
    ) -> None:
        """`doubt` is asked when a command does not show the effect: whether something else explains it, which ends all.

        `confirm` runs a company in fresh interpreters: its command, whether it shows the effect, what was seen.

        `tell` hears of the first set as soon as its command has shown the effect.
        """
        self._company = company
        self._found = found
        self._items = items
        self._error = error
        self._seed = seed
        self._most = most
        self._confirm = confirm
        self._tell = tell
        self._doubt = doubt
        self._failing = found.kind is CulpritKind.POLLUTED
        self.sets: list[CulpritSet] = []
        self.companies: list[tuple[Arrangement, float]] = []
        """For each set, its tests and the rate with which the effect shows."""
        self.message = ""
        """How the test failed behind the first set."""
        self.tried_alone = 0
        """Tests that each ran alone before the test in question, without an effect."""
        self.left_untried = 0
        self.tried_together = False
        """Whether all but those found have run together, without an effect."""
        self.unproven: list[str] = []
        """Tests that had the effect in the one run that there was time for."""

    def run(self) -> None:
        """Everything, as far as it comes."""
        if not self._first():
            return
        if self._always_shows():
            self._one_by_one()
        with self._company.probing.part(_FURTHER_SHARE):
            self._together()

    @property
    def is_complete(self) -> bool:
        """Whether no further set was left, as far as was tried."""
        return bool(self.sets) and self.tried_together and not self.left_untried and not self.unproven

    def look_for_carriers(self) -> None:
        """What each set leaves behind; one that leaves the same as another is not looked into again."""
        deciding: list[list[Carrier]] = []
        for place, (chosen, rate) in enumerate(self.companies):
            finder = Carriers(self._company, chosen, self.control, rate, self._error, failing=self._failing)
            known = next((one for one in deciding if finder.is_undone_by(one)), None)
            carriers = known if known is not None else finder.find()
            if known is None and any(one.decides for one in carriers):
                deciding.append([one for one in carriers if one.decides])
            self.sets[place] = msgspec.structs.replace(self.sets[place], carriers=carriers, looked_for_carriers=True)

    def confirm_rest(self) -> None:
        """Run the commands of all sets that have not been run."""
        for place, one in enumerate(self.sets):
            if one.confirmed is None and not one.command:
                self._run_command(place)

    @property
    def control(self) -> Arrangement:
        """The company without any of the culprits."""
        return self._found.arrangement.without(self._named | set(self._company.enders))

    @property
    def _named(self) -> set[str]:
        return {member.test for one in self.sets for member in one.members}

    def _first(self) -> bool:
        found = self._found
        rest = found.arrangement.without(set(self._company.enders))
        if not rest.others:
            return False
        place = {test: index for index, test in enumerate(rest.others)}
        parts = [
            ([place[test] for test in part if test in place], failed is self._failing)
            for part, failed in found.of_parts
        ]
        early: list[tuple[str, bool | None, str]] = []

        def suspect(culprits: Culprits) -> None:
            early.append(self._confirm(rest.only(culprits.members), 1.0))
            if early[-1][1] is False and self._doubt():
                raise ExplainedOtherwiseError
            if early[-1][1]:
                self._tell(self._described(rest.only(culprits.members), culprits, early[-1]))

        culprits = self._searched(rest, found.seen, parts, suspect)
        if culprits is None:
            return False
        if not (early and early[-1][1]):
            self._run_command(0)
        else:
            command, confirmed, said = early[-1]
            self.sets[0] = msgspec.structs.replace(
                self.sets[0], command=command, confirmed=confirmed, confirmation=said
            )
        return True

    def _searched(
        self,
        rest: Arrangement,
        seen: Sequence[tuple[bool, bool]],
        parts: Sequence[tuple[Collection[int], bool]] = (),
        suspect: Callable[[Culprits], None] = lambda culprits: None,
    ) -> Culprits | None:
        oracle = _Oracle(self._company, rest, failing=self._failing)
        search = Search(oracle, len(rest.others), self._error, self._company.probing.at_once, self._seed)
        culprits = search.find(seen, parts, suspect)
        if culprits is not None:
            self._add(rest, culprits, search)
        return culprits

    def _add(self, rest: Arrangement, culprits: Culprits, search: Search) -> None:
        described = self._described(rest.only(culprits.members), culprits)
        if self._depends_on_order(culprits, rest, search):
            described = msgspec.structs.replace(described, only_in_this_order=True)
        self.sets.append(described)
        self.companies.append((rest.only(culprits.members), culprits.rate))

    def _described(
        self, chosen: Arrangement, culprits: Culprits, confirmation: tuple[str, bool | None, str] | None = None
    ) -> CulpritSet:
        (seen,) = self._company.run([chosen])
        self.message = self.message or seen.message
        evidence, failures = culprits.evidence, self._company.failures
        members = [
            Member(
                test=test,
                place=self._company.places.get(test, ""),
                comes_after=test in chosen.after,
                fails=any(one.item == test for one in seen.ran.failures),
                message=failures[test].message if test in failures else "",
            )
            for test in chosen.others
        ]
        command, confirmed, said = confirmation or ("", None, "")
        return CulpritSet(
            members=members,
            with_them=rate_of(evidence.shown, evidence.pairs, failing=self._failing),
            without=rate_of(evidence.shown_without, evidence.pairs, failing=self._failing),
            log_evidence=evidence.log_evidence,
            command=command,
            confirmed=confirmed,
            confirmation=said,
        )

    def _depends_on_order(self, culprits: Culprits, rest: Arrangement, search: Search) -> bool:
        members = [index for index in culprits.members if index < len(rest.before)]
        if len(members) < 2:
            return False
        others = [list(one) for one in islice(permutations(members), 1, _MOST_ORDERS)]
        return search.only_in_order(others, culprits.rate)

    def _run_command(self, place: int) -> None:
        """Give a set the command that shows it, and run exactly that."""
        command, confirmed, said = self._confirm(*self.companies[place])
        self.sets[place] = msgspec.structs.replace(
            self.sets[place], command=command, confirmed=confirmed, confirmation=said
        )

    def _always_shows(self) -> bool:
        return all(rate == 1 for _, rate in self.companies)

    def _one_by_one(self) -> None:
        """Each other test by itself before the test in question: nobody can undo what it does."""
        company, test = self._company, self._company.test
        left = [one for one in self._items if one not in (test, *self._named, *company.enders)]
        self.left_untried = len(left)
        hits: list[str] = []
        step = 4 * company.probing.at_once
        with company.probing.part(_ONE_BY_ONE_SHARE):
            for start in range(0, len(left), step):
                batch = left[start : start + step]
                for one, seen in zip(batch, company.run([Arrangement((other,)) for other in batch]), strict=True):
                    self.left_untried -= 1
                    if seen.failed is self._failing:
                        hits.append(one)
                    elif seen.failed is not None:
                        self.tried_alone += 1
        self.unproven = hits
        with company.probing.part(_FURTHER_SHARE):
            for one in hits[: self._most - len(self.sets)]:
                rest = Arrangement((one,))
                search = Search(
                    _Oracle(company, rest, failing=self._failing), 1, self._error, company.probing.at_once, self._seed
                )
                evidence = search.prove((0,), 1.0)
                if evidence.proven:
                    self._add(rest, Culprits((0,), evidence, evidence.rate), search)
                    self.unproven = [other for other in self.unproven if other != one]

    def _together(self) -> None:
        """What is left of the company, together, as long as that still has an effect."""
        while True:
            rest = self._found.arrangement.without(self._named | set(self.unproven) | set(self._company.enders))
            if not rest.others:
                return
            oracle = _Oracle(self._company, rest, failing=self._failing)
            search = Search(oracle, len(rest.others), self._error, self._company.probing.at_once, self._seed)
            if not search.is_left((), self._rate_so_far()):
                self.tried_together = True
                return
            if len(self.sets) >= self._most or self._searched(rest, [(True, True)]) is None:
                return

    def _rate_so_far(self) -> float:
        """How often the effect shows at least, should another set be like those found."""
        return min(rate for _, rate in self.companies)


class _Oracle:
    """Runs subsets of the company and tells where the effect showed."""

    def __init__(self, company: Company, arrangement: Arrangement, *, failing: bool) -> None:
        self._company = company
        self._arrangement = arrangement
        self._failing = failing

    def shows(self, subsets: Sequence[Collection[int]]) -> list[bool]:
        """See `flakeproof.features.isolate.culprit_search.Oracle`."""
        seen = self._company.run([self._arrangement.only(subset) for subset in subsets])
        return [one.failed is self._failing for one in seen]


def rate_of(shown: int, runs: int, *, failing: bool) -> Rate:
    """How often the test failed, if the effect was `shown` so often: `failing`, or passing."""
    found = rate_in(ArrangementTally(shown if failing else runs - shown, runs))
    assert found is not None
    return found


def rate_in(tally: ArrangementTally) -> Rate | None:
    """As a record; None without runs."""
    if not tally.runs:
        return None
    return Rate(failed=tally.failed, runs=tally.runs, interval=anytime_interval(tally.failed, tally.runs, _CONFIDENCE))
