"""The test in question in the company of others: what runs before and behind it, and how it ended there."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from flakeproof.engine.leases import Order
from flakeproof.features.isolate.probes import Probing, ProbingStoppedError, Ran
from flakeproof.model import Failure, ItemOutcome, Outcome
from flakeproof.text import plural

_TEARDOWN = " (teardown)"
_ROUNDS = 20
"""Tests that end the process in one order, one after the other, before it is given up."""


@dataclass(frozen=True)
class Arrangement:
    """Who runs before the test, and who behind it."""

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def others(self) -> tuple[str, ...]:
        """All but the test itself, in their order."""
        return self.before + self.after

    def only(self, chosen: Collection[int]) -> "Arrangement":
        """Those of `others` with these indexes, in the order of the indexes as given."""
        split = len(self.before)
        return Arrangement(
            tuple(self.before[index] for index in chosen if index < split),
            tuple(self.after[index - split] for index in chosen if index >= split),
        )

    def without(self, tests: set[str]) -> "Arrangement":
        """The same without some."""
        return Arrangement(
            tuple(one for one in self.before if one not in tests), tuple(one for one in self.after if one not in tests)
        )


@dataclass(frozen=True)
class ArrangementOutcome:
    """How the test ended once."""

    failed: bool | None
    """None if it had no outcome."""
    message: str
    ran: Ran

    @property
    def found(self) -> dict[str, Any]:
        """What was found out beside."""
        return dict(self.ran.found)


@dataclass
class ArrangementTally:
    """Outcomes of the test in one company."""

    failed: int = 0
    runs: int = 0

    def add(self, seen: ArrangementOutcome) -> None:
        """Count one."""
        if seen.failed is not None:
            self.failed += seen.failed
            self.runs += 1


@dataclass
class Company:
    """Runs the test in company."""

    probing: Probing
    test: str
    tell: Callable[[str], None]
    counts_teardown: bool = True
    """Whether an error at the teardown of its class or module is one of the test: of whose it is pytest does not say.
    """
    fails_itself: bool = False
    """Whether the test itself has failed in any run, and not only what it is in."""
    fails_around: bool = False
    """Whether it has not failed itself in any run in which that did."""
    message: str = ""
    failures: dict[str, Failure] = field(default_factory=dict)
    """Of other tests, the latest of each."""
    enders: dict[str, str] = field(default_factory=dict)
    """Tests that end the process, with what is known of it; they are left out from then on."""
    skip_reason: str = ""
    places: dict[str, str] = field(default_factory=dict)
    """`file:line` of tests, as far as they have run in small company."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What is known of pytest: its root folder, its plugins (`pytest_driver.order`)."""

    @property
    def runs_apart(self) -> bool:
        """Whether what a run leaves in files reaches no other."""
        return not self.probing.shares_files

    def run(self, arrangements: Sequence[Arrangement], look: bool = False, **wanted: Any) -> list[ArrangementOutcome]:
        """Run each; `look` for what has changed before the test, and what else an `Order` can want."""
        waiting = list(range(len(arrangements)))
        found: dict[int, ArrangementOutcome] = {}
        for _ in range(_ROUNDS):
            if not waiting:
                break
            first = self.probing.count + 1
            orders = [self._order(arrangements[index], look, wanted) for index in waiting]
            try:
                seen = [self.seen(ran) for ran in self.probing.run(orders)]
            except ProbingStoppedError as stopped:
                known = {waiting[place]: ran for place, ran in stopped.ran.items()}
                stopped.ran = {index: one.ran for index, one in found.items()} | known
                raise
            self._tell(first, orders, seen)
            again = []
            for index, one in zip(waiting, seen, strict=True):
                found[index] = one
                if one.failed is None and (ender := _ender(one.ran)) and ender != self.test:
                    self.enders[ender] = one.ran.failures[-1].message
                    again.append(index)
            waiting = again
        return [found[index] for index in range(len(arrangements))]

    def _order(self, arrangement: Arrangement, look: bool, wanted: dict[str, Any]) -> Order:
        left = arrangement.without(set(self.enders))
        return Order(
            (*left.before, self.test, *left.after), look=self.test if look else "", private=self.runs_apart, **wanted
        )

    def seen(self, ran: Ran) -> ArrangementOutcome:
        """How the test ended in a run."""
        self.places |= ran.found.get("places", {})
        self.facts = self.facts or dict(ran.found)
        own = next((one for one in ran.failures if one.item == self.test), None)
        around = next((one for one in ran.failures if self._is_around(one.item)), None)
        for failure in ran.failures:
            if failure not in (own, around):
                self.failures[failure.item] = failure
        worst = own or (around if self.counts_teardown else None)
        self.fails_itself = self.fails_itself or own is not None
        self.fails_around = self.fails_around or (around is not None and own is None)
        if worst is not None:
            self.message = self.message if self.message and own is None else worst.message
            return ArrangementOutcome(True, worst.message, ran)
        if ran.items.get(self.test) is ItemOutcome.SKIPPED:
            self.skip_reason = ran.reason or self.skip_reason
            return ArrangementOutcome(None, "", ran)
        if not ran.is_complete:
            ender, items = _ender(ran), ran.order.items
            if ender not in items or items.index(ender) < items.index(self.test):
                return ArrangementOutcome(None, "", ran)
        return ArrangementOutcome(False, "", ran)

    def _is_around(self, item: str) -> bool:
        """Whether `item` is the teardown of something that the test is in."""
        if not item.endswith(_TEARDOWN):
            return False
        owner = item.removesuffix(_TEARDOWN)
        return owner == "the session" or self.test.startswith((f"{owner}::", f"{owner}/"))

    def _tell(self, first: int, orders: Sequence[Order], seen: Sequence[ArrangementOutcome]) -> None:
        for number, (order, one) in enumerate(zip(orders, seen, strict=True), first):
            place = len(order.items) - 1 - order.items[::-1].index(self.test)
            others = [
                f"{plural(count, 'test')}{words}"
                for count, words in ((place, ", then the victim"), (len(order.items) - place - 1, " behind it"))
                if count
            ]
            company = (
                ", ".join(others) if place else ", ".join(["the victim", *others] if others else ["the victim alone"])
            )
            put_back = (
                f", {', '.join(order.restore[:2])}{' …' if len(order.restore) > 2 else ''} put back"
                if order.restore
                else ""
            )
            how = {True: "failed", False: "passed", None: "no outcome"}[one.failed]
            self.tell(f"probe {number}: {company}{put_back}: {how}")


def _ender(ran: Ran) -> str:
    """The test that ended the process before the order had come to its end, or that ran out of time."""
    if ran.is_complete or not ran.failures:
        return ""
    last = ran.failures[-1]
    return last.item if last.outcome is not Outcome.LOST else ""
