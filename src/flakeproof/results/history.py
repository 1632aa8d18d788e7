"""What has happened in a run, counted: folded from its events, live or out of its log."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from flakeproof.copies import Copies
from flakeproof.events import (
    Answered,
    AnyRecord,
    CopiesChecked,
    ItemsCollected,
    LoadFailed,
    NodeJoined,
    ProcessLoaded,
    RunEnded,
    RunResumed,
    RunStarted,
    Settled,
    Sighted,
    StateLookedFor,
    TrialFailed,
    TrialLeaked,
    TrialLost,
    TrialsCounted,
    TrialSkipped,
    TrialsPassed,
)
from flakeproof.model import CommandTarget, Failure, Finding, ItemOutcome, Outcome, RunSpec, SeenBySanitizer
from flakeproof.results.failure_positions import Block, Places, Ranges
from flakeproof_worker.shared.durations import bucket_of

_SIGNATURES_KEPT = 200
_SEEN_KEPT = 500
_EXAMPLES_KEPT = 3
_NAMES_KEPT = 5000
"""Tests that were not collected but named by the output of a command, which may make names up as it runs; others are
not counted by themselves."""
_ITEMS_KEPT = 1000
_ITEM_PASSES = (ItemOutcome.PASSED, ItemOutcome.XFAILED, ItemOutcome.XPASSED)
OTHER = "(further signatures)"
"""Signature under which all kinds of failure beyond those kept are counted."""


@dataclass
class FailureGroup:
    """Failures that share a signature."""

    signature: str
    example: Failure
    """The one in the first trial, whichever came first: the same each time that the same is run."""
    count: int = 0
    trials: int = 0
    """Those in which it happened: in one pass several tests may fail alike."""
    items: Counter[str] = field(default_factory=Counter)
    """How often it was the failure of which pytest item."""


@dataclass
class ItemHistory:
    """One pytest item over all trials."""

    outcomes: Counter[ItemOutcome] = field(default_factory=Counter)
    groups: dict[str, FailureGroup] = field(default_factory=dict)
    first_passed: int = 0
    """Processes in whose first trial it passed …"""
    first_failed: int = 0
    """… and in whose first trial it failed."""

    @property
    def failed(self) -> int:
        """Trials in which it failed."""
        return self.outcomes[ItemOutcome.FAILED]

    @property
    def passed(self) -> int:
        """Trials in which it passed, or was expected to fail."""
        return sum(self.outcomes[outcome] for outcome in _ITEM_PASSES)


@dataclass
class History:
    """Counts of one run; its size does not grow with the number of trials."""

    run_id: str = ""
    spec: RunSpec | None = None
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    groups: dict[str, FailureGroup] = field(default_factory=dict)
    items: dict[str, ItemHistory] = field(default_factory=dict)
    """In the order of collection; also what failed for several of them, such as the teardown of a class.

    Of a command: tests that its output has named. One that is first heard of has passed in all trials before.
    """
    has_collected: bool = False
    """Whether the tests were known before they ran, as those of pytest are."""
    durations: Counter[int] = field(default_factory=Counter)
    """Passed trials per duration bucket (`flakeproof_worker.shared.durations`)."""
    places: Places = field(default_factory=Places)
    """In which processes and at which trials the failures were."""
    seen: dict[str, SeenBySanitizer] = field(default_factory=dict)
    """What sanitizers have seen, by what tells it apart."""
    unattributed: int = 0
    """Failures that are charged to one of several trials, of which any may be guilty …"""
    suspects: int = 0
    """… and those that would fail with them if all were."""
    loaded: int = 0
    """Processes that have loaded the target …"""
    not_loaded: dict[str, FailureGroup] = field(default_factory=dict)
    """… and those that could not, by the kind of their failure."""
    copies: Copies | None = None
    """What was found out about failures with several tests at once."""
    state: dict[str, StateLookedFor] = field(default_factory=dict)
    """What stays in a process of tests that cannot run twice in it, by the test."""
    finding: Finding | None = None
    """The answer to the run's question, once there is one."""
    done: Ranges = field(default_factory=Ranges)
    """Numbers of the trials that have an outcome, as far as that is known."""
    next_process: int = 0
    """One more than the highest number that a process has had."""
    elapsed: float = 0.0
    stopped: str | None = None
    dropped: int = 0
    """Trials that had started when the run was ended, and have no outcome."""
    ended: bool = False
    knows_first_trials: bool = True
    """Whether the first trial of each process is known: some outcomes are reported without their process."""
    _begun: set[int] = field(default_factory=set)
    """Processes whose first trial has ended."""
    _collected: list[str] = field(default_factory=list)
    _complete: int = 0
    """Trials so far that came to their end."""

    def add(self, event: AnyRecord) -> None:
        """Count `event`."""
        match event:
            case RunStarted():
                self.run_id, self.spec = event.run_id, event.spec
            case NodeJoined() if self.spec is not None:
                machines = [*self.spec.machines, *[""] * (event.node + 1 - len(self.spec.machines))]
                machines[event.node] = event.name
                self.spec = msgspec.structs.replace(self.spec, machines=machines)
            case RunResumed():
                self.ended, self.stopped = False, None
            case Settled():
                self._settle(event.trials)
                self.elapsed = max(self.elapsed, event.elapsed)
            case ItemsCollected():
                self._collected = list(event.items)
                self.has_collected = True
                for item in event.items:
                    self.items.setdefault(item, ItemHistory())
            case TrialsPassed():
                self.outcomes[Outcome.PASSED] += event.count
                self._settle(event.trials)
                self.places.passed(event.process, event.count)
                self._note_first(event.process, event.items)
                self._count_items({item: {outcome: event.count} for item, outcome in event.items.items()}, event.count)
                for bucket, count in event.durations:
                    self.durations[bucket] += count
            case TrialFailed():
                self.outcomes[event.failure.outcome] += 1
                self.done.add(event.failure.trial)
                failed = [item for item, outcome in event.items.items() if outcome is ItemOutcome.FAILED]
                self.places.failed(event.failure, failed)
                self._note_first(event.failure.process, event.items, cut_short=event.cut_short)
                if event.suspects:
                    self.unattributed += 1
                    self.suspects += len(event.suspects) - 1
                self._count_items(_once(event.items), int(not event.cut_short))
                failures = (event.failure, *event.further)
                touched = {id(group): group for group in map(self._group, failures)}
                for group in touched.values():
                    group.trials += 1
            case TrialSkipped():
                self.outcomes[Outcome.SKIPPED] += 1
                self.done.add(event.trial)
                self.knows_first_trials = False
                self._count_items(_once(event.items), 1)
            case TrialLeaked():
                self.outcomes[Outcome.LEAKED] += 1
                self.done.add(event.trial)
                self.places.passed(event.process, 1)
                self._note_first(event.process, event.items)
                self._count_items(_once(event.items), 1)
                self.durations[bucket_of(int(event.duration * 1e9))] += 1
            case TrialLost():
                self.outcomes[Outcome.LOST] += 1
                self.done.add(event.trial)
                self.knows_first_trials = False
            case ProcessLoaded():
                self.loaded += 1
                self.next_process = max(self.next_process, event.process + 1)
            case LoadFailed():
                _add(self.not_loaded, event.failure)
                self.next_process = max(self.next_process, event.failure.process + 1)
            case Sighted():
                for seen in event.seen:
                    self._see(seen)
            case TrialsCounted():
                self.outcomes[event.outcome] += event.count
                self.places.complete &= event.outcome in (Outcome.SKIPPED, Outcome.LOST)
                if event.outcome is not Outcome.LOST:
                    self._count_items(event.items, event.count - event.cut_short)
                if counted := self.groups.get(event.signature, self.groups.get(OTHER)):
                    counted.count += event.count
                    counted.trials += event.count
            case Answered():
                self.finding = event.finding
            case CopiesChecked():
                self.copies = event.found
            case StateLookedFor():
                self.state[event.item] = event
            case RunEnded():
                self.elapsed, self.stopped, self.ended = event.elapsed, event.stopped, True
                self.dropped = event.dropped

    @property
    def passed(self) -> int:
        """Trials that did what they were to do, also those that left something behind."""
        return self.outcomes[Outcome.PASSED] + self.outcomes[Outcome.LEAKED]

    @property
    def failed(self) -> int:
        """Trials that count against the target."""
        return sum(count for outcome, count in self.outcomes.items() if outcome.is_failure)

    @property
    def total(self) -> int:
        """Trials that have an outcome."""
        return sum(self.outcomes.values())

    @property
    def _writes_results(self) -> bool:
        return self.spec is not None and isinstance(self.spec.target, CommandTarget) and bool(self.spec.target.results)

    def _settle(self, trials: Iterable[Block]) -> None:
        for first, count in trials:
            self.done.add(first, count)

    def _see(self, seen: SeenBySanitizer) -> None:
        """Count what sanitizers have seen, and keep a few examples of each."""
        known = self.seen.get(seen.key)
        if known is None and len(self.seen) >= _SEEN_KEPT:
            return
        total = seen.more(known) if known is not None else seen
        self.seen[seen.key] = msgspec.structs.replace(total, examples=total.examples[:_EXAMPLES_KEPT])

    def _count_items(self, unlike: Mapping[str, Mapping[ItemOutcome, int]], complete: int) -> None:
        """Count trials, `complete` ones among them, in which all items passed but those in `unlike`."""
        for item, counts in unlike.items():
            self._known(item).outcomes.update(counts)
        for item in self._collected if complete else ():
            rest = complete - sum(unlike[item].values()) if item in unlike else complete
            if rest > 0:
                self.items[item].outcomes[ItemOutcome.PASSED] += rest
        self._complete += complete

    def _note_first(self, process: int, unlike: Mapping[str, ItemOutcome], *, cut_short: bool = False) -> None:
        """Note how the items ended in the first trial of `process`, if this is it."""
        if process in self._begun or not self.has_collected:
            return
        self._begun.add(process)
        for item in unlike if cut_short else {**dict.fromkeys(self._collected), **unlike}:
            outcome = unlike.get(item, ItemOutcome.PASSED)
            known = self._known(item)
            known.first_failed += outcome is ItemOutcome.FAILED
            known.first_passed += outcome in _ITEM_PASSES

    def _known(self, item: str) -> ItemHistory:
        """What fails in the name of several, or is named by a command alone, is first heard of when it fails.

        A command that writes its results has told of each test in every trial that ran it.
        """
        if item not in self.items:
            if not self.has_collected and len(self.items) >= _NAMES_KEPT:
                return ItemHistory()
            self._collected.append(item)
            before = 0 if self._writes_results else self._complete
            self.items[item] = ItemHistory(Counter({ItemOutcome.PASSED: before} if before else {}))
        return self.items[item]

    def _group(self, failure: Failure) -> FailureGroup:
        if failure.item:
            own = _add(self._known(failure.item).groups, failure)
            own.trials = own.count
        group = _add(self.groups, failure)
        if failure.item and (failure.item in group.items or len(group.items) < _ITEMS_KEPT):
            group.items[failure.item] += 1
        return group


def _once(items: Mapping[str, ItemOutcome]) -> dict[str, dict[ItemOutcome, int]]:
    return {item: {outcome: 1} for item, outcome in items.items()}


def _add(groups: dict[str, FailureGroup], failure: Failure) -> FailureGroup:
    key = failure.signature
    if key not in groups and len(groups) >= _SIGNATURES_KEPT:
        key = OTHER
    group = groups.setdefault(key, FailureGroup(key, failure))
    group.count += 1
    group.example = min(group.example, failure, key=_rank)
    return group


def _rank(failure: Failure) -> tuple[bool, int, int]:
    """What shows nothing but its message, because the log has grown large, comes last."""
    return not (failure.details or failure.output), failure.trial, failure.process
