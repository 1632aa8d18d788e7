"""Runs the target for a while under one setting after the other; of these runs no record is kept."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from flakeproof.clock import monotonic_ns
from flakeproof.engine.endings import TrialCounts
from flakeproof.engine.execute import execute
from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.engine.time_limits import hang_limit
from flakeproof.errors import FlakeproofError, Stop, is_signal
from flakeproof.failures.signature import Alike
from flakeproof.features.amplify.records import PLAIN, AmplifySetting, Batch
from flakeproof.model import RunSpec

Variants = Callable[[AmplifySetting], RunSpec]
"""The run of the target under a setting; raises UsageError for what cannot be."""
_USUAL = (None, Stop.DURATION.value, Stop.INTERRUPTED, Stop.TERMINATED)
"""Ends of a batch that say nothing against the target."""


class Runner:
    """The target, the time that is left, and what every batch has come to."""

    def __init__(self, variants: Variants, seconds: float, alike: Alike, *, keeps_timeout: bool) -> None:
        self._variants = variants
        self._seconds = seconds
        self._started = monotonic_ns()
        self._plain = variants(PLAIN)
        self._alike = alike
        self._keeps_timeout = keeps_timeout
        self._longest: float | None = None
        self._next = self._plain.first
        self._processes = 0
        self.batches: list[Batch] = []
        self.stopped: str | None = None
        """The signal that has ended it, in words."""

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return (monotonic_ns() - self._started) / 1e9

    def left(self) -> float:
        """Seconds of the budget; none once a signal has ended it, so that the search ends with what it knows."""
        return 0.0 if self.stopped else max(0.0, self._seconds - self.seconds)

    def stop(self, reason: Stop) -> None:
        """Run nothing any more."""
        self.stopped = self.stopped or reason.value

    def first(self) -> list[str]:
        """Run a single unperturbed trial; return what pytest has collected.

        Raises UsageError, CannotRunError or NothingToRunError where the target cannot be run.
        """
        ended = self._run(self._plain, count=1, seconds=self.left())
        if not self._keeps_timeout:
            self._longest = hang_limit(ended.elapsed, self._plain.timeout)
        return ended.items

    def __call__(self, setting: AmplifySetting, seconds: float) -> Batch:
        """Run the target under `setting` for about so many seconds, one trial at least, or until a signal."""
        try:
            ended = self._run(self._variants(setting), count=None, seconds=seconds)
            broke = "" if ended.trials or ended.stopped in _USUAL else ended.stopped or ""
        except FlakeproofError as error:
            ended, broke = TrialCounts(), error.message
        failed = Counter(name for names in ended.failed.values() for name in self._alike.names(names))
        batch = Batch(setting=setting, trials=ended.trials, failed=dict(failed), seconds=ended.elapsed, broke=broke)
        self.batches.append(batch)
        return batch

    def _run(self, spec: RunSpec, *, count: int | None, seconds: float) -> TrialCounts:
        """Start included, it is given up when the budget is used up: what is in flight then counts for nothing."""
        spec = spec.bare(
            count=count,
            duration=seconds,
            patience=max(0.0, self.left() - seconds),
            first=self._next,
            first_process=self._processes,
            timeout=spec.timeout if self._longest is None else self._longest,
            adapts_timeout=False,  # what provokes failures makes some slow
        )
        ended = TrialCounts()
        with temporary_root() as folder:
            execute(spec, f"amplify-{len(self.batches)}", Path(folder), [ended.add], None)
        self._next += ended.trials + len(ended.without_result)
        self._processes += spec.processes
        if is_signal(ended.stopped):
            self.stopped = ended.stopped
        return ended
