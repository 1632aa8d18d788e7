"""Check whether failures seen with several tests at once come from that: trials alone alternate with trials in company.

A turn is a run of its own, whose processes are gone before the next turn begins: otherwise what they hold, such as a
port, would disturb the trials alone. A coin toss from the run's seed decides which of two turns comes first. Company
also makes the machine busy, and a failure on a busy machine is no collision: so, unless every failure names what copies
share, the machine is kept equally busy during the trials alone, and the difference must be large.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from flakeproof.clock import monotonic_ns
from flakeproof.copies import (
    COMPANY_SHARE,
    ERROR,
    ODDS,
    ODDS_NAMED,
    ODDS_SHOWN,
    Conclusion,
    Copies,
    CopyCounts,
    ItemCopies,
    conclude,
    of_all,
    trials_alone,
)
from flakeproof.engine.dispatcher import Dispatcher
from flakeproof.engine.leases import Pool
from flakeproof.engine.limits import lanes_per_process
from flakeproof.engine.messages import Used
from flakeproof.engine.noise import surroundings
from flakeproof.engine.renewal import Renewal
from flakeproof.engine.run_end import Inquiry
from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.errors import CannotRunError, Stop, UsageError
from flakeproof.events import AnyEvent, Progressed, TrialFailed, TrialLeaked, TrialsPassed
from flakeproof.failures.shared_things import SharedThing, named_in
from flakeproof.model import CallableTarget, Isolation, ItemOutcome, Load, PytestTarget, RunSpec
from flakeproof.text import shown_path
from flakeproof_worker.shared.seeds import trial_seed

_MOST_LOOKS = 4
_LEAST_SECONDS = 30.0
"""Time that the check may always take, however short the run was."""
_TRIALS_NAMED = 150
"""The check may take so many times the duration of a test, if a failure names what copies share."""
_PART_TRIED = 4
"""One in so many of the first trials alone runs before any comparison."""
_SLOWER = 2
"""How many times as long trials take on a machine that is kept busy."""
_MOST_SECONDS = 300.0
SHARE_LEFT = 0.2
"""Share of the run's duration that is left for this check once a trial has failed."""
_MOST_READ = 200
"""How many failures are searched for the things that they name."""
_MOST_BUSY = 64
_NO_DIFFERENCE = "tests one at a time and in company did not differ enough"
_FROM = 1 << 40
"""First trial number in turns: each trial has a seed of its own."""
_ENDED_FROM_OUTSIDE = (Stop.INTERRUPTED, Stop.TERMINATED)


@dataclass
class FailureSeen:
    """The results of trials that ran in one way."""

    passed: int = 0
    failed: int = 0
    items: Counter[str] = field(default_factory=Counter)
    """How often each test failed."""
    things: list[SharedThing] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    """The tests with a failure that names what copies share …"""
    unnamed: set[str] = field(default_factory=set)
    """… and those with one that does not."""

    def add(self, event: AnyEvent) -> None:
        """Count how trials have ended."""
        match event:
            case TrialsPassed():
                self.passed += event.count
            case TrialLeaked():
                self.passed += 1
            case TrialFailed():
                self.failed += 1
                failures = (event.failure, *event.further)
                failed = {item for item, outcome in event.items.items() if outcome is ItemOutcome.FAILED}
                self.items.update(failed | {failure.item for failure in failures})
                for failure in failures if self.failed <= _MOST_READ else ():
                    thing = named_in(failure)
                    (self.unnamed if thing is None else self.named).add(failure.item)
                    if thing is not None:
                        self.things.append(thing)

    @property
    def total(self) -> int:
        """Trials that passed or failed."""
        return self.passed + self.failed


def at_once(spec: RunSpec) -> int:
    """How many trials of `spec` run at once."""
    return sum(lanes_per_process(spec))


def may_collide(spec: RunSpec) -> bool:
    """Whether several tests run at once that should not interact; functions that share a process should."""
    is_meant = isinstance(spec.target, CallableTarget) and spec.isolation is Isolation.SHARED
    return at_once(spec) > 1 and not is_meant


def is_suspicious(spec: RunSpec, seen: FailureSeen) -> bool:
    """Whether copies may have caused the failures of `spec`, perhaps only because of what a failure names."""
    return bool(seen.failed and at_once(spec) > 1 and (may_collide(spec) or seen.things))


class Check:
    """One check of the failures of a run."""

    def __init__(
        self,
        spec: RunSpec,
        seen: FailureSeen,
        run_id: str,
        folder: Path,
        used: Used | None,
        inquiry: Callable[[], Inquiry] | None,
        elapsed: float,
        left: float | None = None,
    ) -> None:
        """`seen` are the results of the run of `spec`, which took `elapsed` seconds.

        The check may take no longer than the seconds that are `left` of the run's duration, if it has one.

        `used` is what its first test used; `inquiry` makes a new inquiry into the run's question.
        """
        self._spec = spec
        self._seen = seen
        self._run_id = run_id
        self._folder = folder
        self._used = used
        self._inquiry = inquiry
        self._tried, self._alone, self._company = FailureSeen(), FailureSeen(), FailureSeen()
        self._conclusions = dict.fromkeys(seen.items, Conclusion.UNKNOWN)
        self._events: list[AnyEvent] = []
        """The events of trials alone."""
        self._next = _FROM
        self._dispatcher: Dispatcher | None = None
        self._stop: Stop | None = None
        self._busy = at_once(spec) - 1 if seen.unnamed else 0
        self._each = elapsed * at_once(spec) / max(1, seen.total)
        """Seconds that a trial takes in its worker, with all overhead."""
        self._deadline = monotonic_ns() + int(self._budget(elapsed, left) * 1e9)
        self._reason = ""
        self._is_over = False
        """Whether the current turn was stopped because the time is used up."""

    def stop(self, reason: Stop) -> None:
        """End the check early; safe in a signal handler."""
        if self._stop is None:
            self._stop = reason
        if self._dispatcher is not None:
            self._dispatcher.stop(reason)

    @property
    def stopped(self) -> Stop | None:
        """Why the check was ended from outside."""
        return self._stop

    def run(self, tell: Callable[[str], None]) -> Copies:
        """Run the check; `tell` is called with notes for the user."""
        try:
            for look in range(1, _MOST_LOOKS + 1):
                more = self._affordable(look)
                if look == 1:
                    self._try_alone(more, tell)
                if more is None:
                    break
                if self._undecided:
                    self._pair(look, more)
                if self._stop is not None:
                    self._reason = self._stop.value
                    break
                for item in self._undecided:
                    alone, company = _counts(self._alone, item), _counts(self._company, item)
                    odds = self._odds(item)
                    self._conclusions[item] = conclude(alone, company, len(self._conclusions), look, odds)
                if not self._undecided:
                    break
        except (CannotRunError, UsageError) as error:
            self._reason = error.message
        conclusion = of_all(self._conclusions)
        if conclusion is Conclusion.COLLIDE and self._inquiry is not None and self._stop is None:
            self._answer(self._inquiry(), tell)
            for item in self._conclusions.keys() & self._alone.items.keys():
                self._conclusions[item] = Conclusion.FAILS_ALONE  # rarely enough for the run's question, perhaps
        return self._result(conclusion)

    @property
    def _undecided(self) -> list[str]:
        return [item for item, found in self._conclusions.items() if found is Conclusion.UNKNOWN]

    def _budget(self, elapsed: float, left: float | None) -> float:
        """Seconds that the check may take after a run of `elapsed` seconds, of those that are `left`."""
        named = _TRIALS_NAMED * self._each if self._seen.things else 0.0
        most = min(_MOST_SECONDS, max(_LEAST_SECONDS, elapsed, named))
        return most if left is None else max(0.0, min(left, most))

    def _affordable(self, look: int) -> int | None:
        """Number of trials alone for the next pair of turns; None, with the reason set, if there is no time for them.

        They suffice for the most frequent of the undecided failures; rarer ones may follow.
        """
        more = self._needed(look)
        if more is None:
            self._reason = "it fails too rarely"
        elif not self._has_time_for(more):
            self._reason = f"it would take about {more:,} tests one at a time, and there is no time for that"
        else:
            return more
        return None

    def _odds(self, item: str) -> float:
        """How many times as large company must make the odds of failing."""
        if item in self._seen.named - self._seen.unnamed:
            return ODDS_NAMED
        shows = self._used is not None and (self._used.files or self._used.ports)
        return ODDS_SHOWN if shows else ODDS

    def _needed(self, look: int, odds: float | None = None) -> int | None:
        """How many further trials alone decide, where company has to make that much of a difference; None: too many."""
        item = max(self._undecided, key=lambda item: self._seen.items[item])
        rate = self._seen.items[item] / self._seen.total
        before = (self._alone.total, self._company.total, self._company.items[item])
        return trials_alone(rate, len(self._conclusions), look, *before, odds or self._odds(item))

    def _has_time_for(self, count: int) -> bool:
        """Whether there is time for so many trials alone, and for those in company beside them."""
        each = self._each * ((_SLOWER if self._busy else 1) + COMPANY_SHARE / at_once(self._spec))
        left = (self._deadline - monotonic_ns()) / 1e9
        return left > 0 and count * each <= left

    def _try_alone(self, more: int | None, tell: Callable[[str], None]) -> None:
        """A flake that also fails alone shows soon, without a comparison; these trials do not count in one.

        `more` trials alone would decide; where there is no time for them, fewer may still show it.
        """
        count = self._needed(1, ODDS_NAMED) if more is None else max(1, more // _PART_TRIED)
        if count is None or not self._has_time_for(count):
            return
        tell(f"failures with {at_once(self._spec)} tests at once: checking whether tests alone fail, too")
        self._turn_alone(count)
        for item in self._conclusions.keys() & self._alone.items.keys():
            self._conclusions[item] = Conclusion.FAILS_ALONE
        self._tried, self._alone = self._alone, FailureSeen()
        self._events.clear()

    def _pair(self, look: int, more: int) -> None:
        """Run one turn alone and one in company, in the order of a coin toss."""
        turns = [self._turn_alone, self._turn_in_company]
        if trial_seed(self._spec.seed, _FROM + look) & 1:
            turns.reverse()
        for turn in turns:
            if self._stop is None:
                turn(more)

    def _turn_alone(self, count: int) -> None:
        spec = msgspec.structs.replace(self._spec, workers=1, processes=1)

        def hear(event: AnyEvent) -> None:
            self._alone.add(event)
            if not isinstance(event, Progressed):
                self._events.append(event)
            if self._dispatcher is not None and self._alone.items.keys() >= set(self._undecided):
                self._dispatcher.stop(Stop.ANSWERED)  # every undecided test has failed alone

        self._turn(spec, count, hear, busy=self._busy)

    def _turn_in_company(self, count: int) -> None:
        self._turn(self._spec, COMPANY_SHARE * count, self._company.add, busy=0)

    def _turn(
        self,
        spec: RunSpec,
        count: int,
        hear: Callable[[AnyEvent], None],
        *,
        busy: int,
        inquiry: Inquiry | None = None,
    ) -> None:
        """Run `count` trials under `spec`; no process of them is left.

        When the time is used up, trials in flight are ended, too, because one may hang. There is no time limit for
        answering the question of a run that has no duration.
        """
        ends = inquiry is None or self._spec.duration is not None
        if ends and monotonic_ns() > self._deadline:
            return  # to start it is what there is no time for
        bare: dict[str, Any] = {
            "question": None,
            "max_failures": None,
            "drop_failed": False,
            "watch_packets": False,
            "chosen": [],
            "ci_rate": None,
        }
        own = msgspec.structs.replace(spec, first=self._next, count=count, duration=None, **bare)
        self._next += count
        around = own.perturbations
        if busy:
            load = around.noise.get("cpu", Load(count=0))
            noise = {**around.noise, "cpu": Load(count=min(_MOST_BUSY, load.count + busy))}
            around = msgspec.structs.replace(around, noise=noise)

        def in_time(event: AnyEvent) -> None:
            hear(event)
            is_over = isinstance(event, Progressed) and ends and monotonic_ns() > self._deadline
            if is_over and not self._is_over and self._dispatcher is not None:
                self._is_over = True
                self._dispatcher.stop(Stop.SPENT, urgently=True)

        self._is_over = False
        with temporary_root(lambda text: None) as temporary:
            self._dispatcher = Dispatcher(
                *(own, str(self._folder), temporary, self._run_id, in_time, Pool(own.first, count), inquiry),
                renewal=Renewal(own),
            )
            with surroundings([around], temporary, self._run_id, lambda text: None):
                self._dispatcher.run()
            self._dispatcher = None

    def _answer(self, inquiry: Inquiry, tell: Callable[[str], None]) -> None:
        """Run tests one at a time until the question of the run is answered."""
        for event in self._events:
            inquiry.add(event)
        if inquiry.answer() is None and self._spec.count is not None:
            tell("copies collide: tests that run one at a time answer the question")
            spec = msgspec.structs.replace(self._spec, workers=1, processes=1)
            self._turn(
                spec,
                self._spec.count,
                self._alone.add,
                busy=0,
                inquiry=inquiry,
            )

    def _result(self, conclusion: Conclusion) -> Copies:
        what, place, is_address = self._thing()
        # The first trials alone belong to no comparison, but they count for a test that fails alone.
        tried = self._tried if conclusion is Conclusion.FAILS_ALONE else FailureSeen()
        return Copies(
            conclusion=conclusion,
            alone=CopyCounts(failed=tried.failed + self._alone.failed, passed=tried.passed + self._alone.passed),
            company=CopyCounts(failed=self._company.failed, passed=self._company.passed),
            at_once=at_once(self._spec),
            was_busy=bool(self._busy),
            error=ERROR,
            what=what,
            place=place,
            remedy=self._remedy(is_address=is_address),
            reason=(self._reason or _NO_DIFFERENCE) if self._undecided else "",
            items=[
                ItemCopies(
                    item=item,
                    conclusion=found,
                    failed_alone=tried.items[item] + self._alone.items[item],
                    failed_in_company=self._company.items[item],
                )
                for item, found in self._conclusions.items()
            ],
        )

    def _thing(self) -> tuple[str, str, bool]:
        """What copies collide over, if known; the line of code that uses it; and whether it is an address."""
        things = [*self._seen.things, *self._company.things]
        used = self._used
        if things:
            what, place = Counter((thing.what, thing.place) for thing in things).most_common(1)[0][0]
            is_address = next(thing.is_address for thing in things if thing.what == what)
            if is_address and used is not None and len(used.ports) == 1 and not what.startswith("port"):
                what = f"port {used.ports[0][0]}"
            return what, _shown(place), is_address
        if used is not None and used.ports:
            port, file, line = used.ports[0]
            return f"port {port}", _shown(f"{file}:{line}"), True
        if used is not None and len(used.files) == 1:
            path, file, line = used.files[0]
            return shown_path(path), _shown(f"{file}:{line}"), False
        return "", "", False

    def _remedy(self, *, is_address: bool) -> str:
        spec = self._spec
        can_have = not spec.private_network and (self._used is None or not self._used.elsewhere)
        share_process = spec.isolation is Isolation.SHARED and spec.workers > spec.processes
        if is_address and can_have and not share_process:
            remedy = "Isolate with --private-network"
        elif is_address:
            remedy = "Let the system choose the port"
        else:
            is_tests = isinstance(spec.target, PytestTarget)
            remedy = "Give each its own (tmp_path, worker_id)" if is_tests else "Give each its own"
        return f"{remedy}, or run one at a time: -w 1"


def was_ended_from_outside(reason: str | None) -> bool:
    """Whether a run was ended by a signal, or could not go on."""
    return reason in {stop.value for stop in (*_ENDED_FROM_OUTSIDE, Stop.GIVEN_UP)}


def _counts(seen: FailureSeen, item: str) -> CopyCounts:
    failed = seen.items[item]
    return CopyCounts(failed=failed, passed=max(0, seen.total - failed))


def _shown(place: str) -> str:
    file, colon, line = place.rpartition(":")
    return f"{shown_path(file)}{colon}{line}" if file else ""
