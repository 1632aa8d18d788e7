"""How the trials of one experiment ended, with what seeds."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from flakeproof.events import AnyEvent, ItemsCollected, TrialFailed, TrialLeaked, TrialSkipped, TrialsPassed
from flakeproof.features.diagnose.failure_under_study import Flake
from flakeproof.model import CommandTarget, Failure, Isolation, ItemOutcome, RunSpec
from flakeproof_worker.shared.seeds import trial_seed
from flakeproof_worker.shared.variables import DRAWN

_HASH_SEED = "PYTHONHASHSEED"
_PASSES = (ItemOutcome.PASSED, ItemOutcome.XFAILED, ItemOutcome.XPASSED)


@dataclass(frozen=True)
class Seen:
    """A failure, and what its trial hung on."""

    failure: Failure
    run_id: str
    run_seed: int
    hash_seed: str


@dataclass
class Tally:
    """Counts what happens in the runs of one experiment; of the one pytest item `item`, if that is not ""."""

    item: str = ""
    passed: int = 0
    seen: list[Seen] = field(default_factory=list)
    by_hash_seed: Counter[str] = field(default_factory=Counter)
    """Passes for each PYTHONHASHSEED, where a process has one for many trials."""
    by_process: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Passes in each process of each run."""
    items: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    elapsed: float = 0.0
    last_passed: int = 0
    """Passes of the latest run."""
    spec: RunSpec | None = None
    """Of the latest run."""

    def begin(self, run_id: str, spec: RunSpec) -> None:
        """The events to come are of this run."""
        self.runs.append(run_id)
        self.spec = spec
        self.last_passed = 0

    def add(self, event: AnyEvent) -> None:
        """Take in an event of the latest run."""
        match event:
            case ItemsCollected():
                self.items = list(event.items)
            case TrialsPassed():
                if event.items.get(self.item, ItemOutcome.PASSED) in _PASSES:
                    self._passed(event.process, event.count)
            case TrialLeaked():
                if event.items.get(self.item, ItemOutcome.PASSED) in _PASSES:
                    self._passed(event.process, 1)
            case TrialFailed():
                self._failed(event)
            case TrialSkipped() if self.item and event.items.get(self.item, ItemOutcome.PASSED) in _PASSES:
                self.passed += 1

    def failures(self, flake: Flake | None) -> Iterator[Seen]:
        """Those that are `flake`; all of them while none is known."""
        return (seen for seen in self.seen if flake is None or flake.is_same(seen.failure))

    def failed(self, flake: Flake | None) -> int:
        """Trials with that failure."""
        return len({(seen.run_id, seen.failure.trial) for seen in self.failures(flake)})

    def processes(self, flake: Flake | None) -> list[tuple[int, int]]:
        """Failures and trials of each process that forks off its trials; none where each trial has one of its own."""
        if self.spec is None or self.spec.isolation is not Isolation.FORK:
            return []
        failed: Counter[tuple[str, int]] = Counter()
        for run_id, _, process in {
            (seen.run_id, seen.failure.trial, seen.failure.process) for seen in self.failures(flake)
        }:
            failed[run_id, process] += 1
        return [(failed[one], failed[one] + self.by_process[one]) for one in sorted({*failed, *self.by_process})]

    @property
    def process_count(self) -> int:
        """Processes that its trials ran in, or were forked off."""
        return len({*self.by_process, *((seen.run_id, seen.failure.process) for seen in self.seen)})

    def restrict(self, item: str) -> None:
        """Count from now on, and for what was, only how the one pytest item ended."""
        if self.item == item:
            return
        before = {(seen.run_id, seen.failure.trial) for seen in self.seen}
        self.item = item
        self.seen = [seen for seen in self.seen if seen.failure.item == item]
        self.passed += len(before - {(seen.run_id, seen.failure.trial) for seen in self.seen})

    @property
    def trials(self) -> int:
        """Trials that passed or failed."""
        return self.passed + len({(seen.run_id, seen.failure.trial) for seen in self.seen})

    def _passed(self, process: int, count: int) -> None:
        self.passed += count
        self.last_passed += count
        self.by_hash_seed[self._hash_seed(process, None)] += count
        self.by_process[self.runs[-1], process] += count

    def _failed(self, event: TrialFailed) -> None:
        failures = [event.failure, *event.further]
        own = [failure for failure in failures if not self.item or failure.item == self.item]
        if self.item and not own:
            if not event.cut_short and event.items.get(self.item, ItemOutcome.PASSED) in _PASSES:
                self.passed += 1
            return
        spec = self.spec
        assert spec is not None
        hash_seed = self._hash_seed(event.failure.process, event.failure.trial)
        self.seen += [Seen(failure, self.runs[-1], spec.seed, hash_seed) for failure in own]

    def _hash_seed(self, process: int, trial: int | None) -> str:
        """The PYTHONHASHSEED of a process, or of a trial that had an interpreter of its own; "" if unknown."""
        spec = self.spec
        assert spec is not None
        if (fixed := spec.target.environment.get(_HASH_SEED)) is not None:
            return fixed
        if (asked := spec.perturbations.hash_seed) not in (None, DRAWN):
            return asked
        if isinstance(spec.target, CommandTarget):
            return ""
        if spec.isolation is Isolation.FRESH:
            return "" if trial is None else str(trial_seed(spec.seed, trial))
        return str(trial_seed(spec.seed, process))
