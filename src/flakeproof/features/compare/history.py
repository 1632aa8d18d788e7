"""Count what has happened in a comparison: from its events, live or read from its log."""

from collections import Counter
from dataclasses import dataclass, field

from flakeproof.features.compare.records import (
    AnyComparisonEvent,
    ComparisonEnded,
    ComparisonProgressed,
    ComparisonSpec,
    ComparisonStarted,
    PairEnded,
    PairsClean,
    Side,
)

_SIGNATURES_KEPT = 200


@dataclass
class ArmCount:
    """Trials of one arm in pairs that ended."""

    passed: int = 0
    failed: int = 0
    other: int = 0

    def add(self, side: Side) -> None:
        """Count the arm's trials in a pair."""
        self.passed += side.passed
        self.failed += side.failed
        self.other += side.other


@dataclass
class SignatureCount:
    """One kind of failure in both arms."""

    base: int = 0
    """Pairs in which the base failed more often in this way."""
    fix: int = 0
    """Pairs in which the fix failed more often in this way."""
    base_trials: int = 0
    fix_trials: int = 0


@dataclass
class ComparisonHistory:
    """Counts of a comparison; its size does not grow with the number of trials."""

    run_id: str = ""
    spec: ComparisonSpec | None = None
    runs: list[str] = field(default_factory=list)
    pairs: Counter[str] = field(default_factory=Counter)
    """How pairs ended: "base" or "fix" (the one that failed more often), "tie", "clean", or "void" (without a result).
    """
    base: ArmCount = field(default_factory=ArmCount)
    fix: ArmCount = field(default_factory=ArmCount)
    signatures: dict[str, SignatureCount] = field(default_factory=dict)
    """Kinds of failure, in the order in which they were first seen."""
    last_pair: int = 0
    elapsed: float = 0.0
    stopped: str | None = None
    ended: bool = False

    def add(self, event: AnyComparisonEvent) -> None:
        """Count `event`."""
        match event:
            case ComparisonStarted():
                self.run_id, self.spec, self.runs = event.run_id, event.spec, event.runs
                self.last_pair = event.spec.first_pair - 1
            case PairEnded():
                self._pair(event)
            case PairsClean():
                self.pairs["clean"] += event.count
                self.base.passed += event.trials
                self.fix.passed += event.trials
                self.last_pair += event.count
            case ComparisonProgressed():
                self.elapsed = event.elapsed
            case ComparisonEnded():
                self.elapsed, self.stopped, self.ended = event.elapsed, event.stopped, True

    @property
    def total(self) -> int:
        """Pairs that ended."""
        return self.pairs.total()

    @property
    def trials(self) -> int:
        """Trials of both arms in pairs that ended."""
        return sum(arm.passed + arm.failed + arm.other for arm in (self.base, self.fix))

    def _pair(self, event: PairEnded) -> None:
        self.last_pair += 1
        self.base.add(event.base)
        self.fix.add(event.fix)
        if event.is_clean:
            self.pairs["clean"] += 1
        elif event.base.other or event.fix.other:
            self.pairs["void"] += 1  # a trial without a result cannot be compared
        else:
            self.pairs[_loser(event.base.failed, event.fix.failed)] += 1
            for signature in sorted({*event.base.signatures, *event.fix.signatures}):
                self._signature(signature, event)

    def _signature(self, signature: str, event: PairEnded) -> None:
        if signature not in self.signatures and len(self.signatures) >= _SIGNATURES_KEPT:
            return
        count = self.signatures.setdefault(signature, SignatureCount())
        base, fix = event.base.signatures.get(signature, 0), event.fix.signatures.get(signature, 0)
        count.base += base > fix
        count.fix += fix > base
        count.base_trials += base
        count.fix_trials += fix


def _loser(base: int, fix: int) -> str:
    return "base" if base > fix else "fix" if fix > base else "tie"
