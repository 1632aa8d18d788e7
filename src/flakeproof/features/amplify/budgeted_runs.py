"""Where batches are run: how long they may be, what there is time for, and the record of all that ran."""

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from flakeproof.features.amplify.design import Design
from flakeproof.features.amplify.records import PLAIN, AmplifySetting, Batch

Run = Callable[[AmplifySetting, float], Batch]
"""Runs the target under a setting for about so many seconds, one trial at least; what it raises ends the search."""

_FIRST_START = 0.3
"""Seconds that a run is taken to need beside its trials until that is known."""


class OutOfTime(Exception):  # noqa: N818 - it is no error
    """There is no time for another batch."""


class Purpose(Enum):
    """Why a batch was run."""

    PLAIN = auto()
    DRAWN = auto()
    """Its setting was drawn from a design."""
    SWEEP = auto()
    """A common level by itself."""
    CLEARING = auto()
    RACE = auto()
    CONFIRMATION = auto()


@dataclass(frozen=True)
class BatchRun:
    """A batch, and why it was run."""

    batch: Batch
    purpose: Purpose
    design: Design | None = None


@dataclass(frozen=True)
class Told:
    """What a batch tells about failures with certain signatures."""

    failures: int
    trials: int
    """Passed, or failed so."""
    hidden: int
    """Failed otherwise only: nobody knows what they would have done."""

    @property
    def all_trials(self) -> int:
        """The hidden ones, too."""
        return self.trials + self.hidden


def tell(batch: Batch, signatures: Collection[str]) -> Told:
    """Sort the trials of a batch; signatures that came together in one trial are not counted beyond all trials."""
    failures = min(batch.trials, sum(batch.failed.get(name, 0) for name in signatures))
    others = sum(count for name, count in batch.failed.items() if name not in signatures)
    hidden = min(batch.trials - failures, others)
    return Told(failures, batch.trials - hidden, hidden)


class Bench:
    """Runs batches within a budget, and keeps them. It knows the time only by what is left."""

    def __init__(self, run: Run, seconds: float, left: Callable[[], float]) -> None:
        """A bench for `seconds` of what is `left`."""
        self._run, self._left = run, left
        self._begin = left()
        self._seconds = min(seconds, self._begin)
        self.ran: list[BatchRun] = []
        self._starts: list[float] = []

    @property
    def seconds(self) -> float:
        """Of the whole budget."""
        return self._seconds

    @property
    def used(self) -> float:
        """Seconds of it."""
        return self._begin - self._left()

    @property
    def remaining(self) -> float:
        """Seconds of it."""
        return min(self._seconds - self.used, self._left())

    @property
    def start(self) -> float:
        """Seconds that a run takes beside its trials: the median so far."""
        known = sorted(self._starts)
        return known[len(known) // 2] if known else _FIRST_START

    def trial(self, setting: AmplifySetting = PLAIN) -> float:
        """Seconds of a trial under the setting; where it was not run yet, of the slowest with one of its levels."""
        exact = self._trial(lambda other: other == setting)
        if exact is not None:
            return exact
        alike = [self._trial(lambda other, one=one: one in other.levels) for one in setting.levels]  # type: ignore[misc]
        return max((one for one in alike if one is not None), default=self._trial(lambda other: True) or 0.0)

    def _trial(self, matches: Callable[[AmplifySetting], bool]) -> float | None:
        seconds = trials = 0.0
        for one in self.ran:
            if one.batch.trials and matches(one.batch.setting):
                seconds += one.batch.seconds
                trials += one.batch.trials
        return seconds / trials if trials else None

    def run(self, setting: AmplifySetting, seconds: float, purpose: Purpose, design: Design | None = None) -> Batch:
        """Run a batch of about `seconds`, less if there is not as much left. Raises OutOfTime."""
        room = self.remaining - self.start
        least = self.trial(setting) if self.ran else 0.0
        if room <= least:
            raise OutOfTime
        before = self._left()
        batch = self._run(setting, min(max(seconds, least), room))
        if batch.setting != setting or not math.isfinite(batch.seconds) or batch.seconds < 0 or batch.trials < 0:
            raise ValueError(f"a batch under {setting} was asked for, got {batch}")
        if not batch.trials and not batch.broke:
            batch = Batch(setting=setting, trials=0, failed={}, seconds=batch.seconds, broke="no trial has a result")
        if not batch.broke:
            self._starts.append(max(0.0, before - self._left() - batch.seconds))
        self.ran.append(BatchRun(batch, purpose, design))
        return batch

    def batches(self, *purposes: Purpose) -> Iterator[Batch]:
        """Those that were run for one of these purposes and have results, or for any."""
        return (one.batch for one in self.ran if one.batch.trials and (not purposes or one.purpose in purposes))
