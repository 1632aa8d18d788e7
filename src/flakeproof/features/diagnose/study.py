"""A diagnosis as far as it has come: its experiments, and what was concluded from those that are more than counts."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from flakeproof.features.diagnose.differences.explain import Explanation
from flakeproof.features.diagnose.evidence import (
    SANITIZED,
    Counts,
    Evidence,
    Factor,
    Line,
    Polluters,
    Provocation,
    Repeated,
)
from flakeproof.features.diagnose.experiment_runner import Arm, Laboratory
from flakeproof.features.diagnose.observed_calls import Witnessed
from flakeproof.model import Isolation
from flakeproof.results.sanitizer_findings import SightingSummary


@dataclass
class Study:
    """The laboratory, and what has been concluded from experiments that are more than counts."""

    laboratory: Laboratory
    within: list[str]
    """Paths of the tests that are the company."""
    uses_given: bool
    """Whether the target is to be run with its own settings, too."""
    keeps_timeout: bool
    has_company: bool = True
    """Whether there are other tests that it runs among, as far as is known."""
    had_company: bool = False
    """Whether the target as it was given is several tests."""
    reseeded: bool = False
    """Whether `seeds` reached all that is drawn."""
    asked_seeds: bool = False
    """Whether it has been seen to what hangs on a seed, as far as that is likely."""
    seeds: Factor | None = None
    hash_seeds: Factor | None = None
    witnessed: Witnessed = field(default_factory=Witnessed)
    sightings: Sequence[SightingSummary] = ()
    polluters: Polluters | None = None
    repeated: Repeated | None = None
    """Pass after pass in one process."""
    itself: Polluters | None = None
    line: Line | None = None
    paused: Line | None = None
    """A line at which recorded trials differ, and a pause decides."""
    provocation: Provocation | None = None
    differences: Sequence[Explanation] = ()
    """What failing trials did that passing ones did not."""
    searched: bool = False
    """Whether all perturbations were searched."""
    stopped: str | None = None

    @property
    def may_race(self) -> bool:
        """Whether it has several threads, or tasks, as far as is known."""
        seen = self.witnessed
        return not seen.looked or seen.several_threads or seen.own_threads or bool(seen.coroutines)

    @property
    def evidence(self) -> Evidence:
        """What is known so far."""
        laboratory = self.laboratory
        arms = {name: counts_of(laboratory, arm) for name, arm in laboratory.arms.items()}
        return Evidence(
            flake=laboratory.flake,
            arms=arms,
            seeds=self.seeds,
            hash_seeds=self.hash_seeds,
            reseeded=self.reseeded,
            witnessed=self.witnessed,
            sightings=self.sightings,
            polluters=self.polluters,
            repeated=self.repeated,
            itself=self.itself,
            line=self.line,
            paused=self.paused,
            provocation=self.provocation,
            differences=self.differences,
            sanitized=SANITIZED in arms,
            has_company=self.has_company,
            shares=laboratory.given.isolation is Isolation.SHARED
            and laboratory.given.workers > laboratory.given.processes,
            failed_watched=arms[SANITIZED].failed if SANITIZED in arms else 0,
        )


def counts_of(laboratory: Laboratory, arm: Arm) -> Counts:
    """The numbers of an experiment."""
    failed = arm.tally.failed(laboratory.flake) if laboratory.flake is not None else 0
    return Counts(
        setting=arm.setting,
        failed=failed,
        trials=arm.tally.trials,
        against=arm.against,
        processes=arm.tally.processes(laboratory.flake) if laboratory.flake is not None else [],
        other=len({(seen.run_id, seen.failure.trial) for seen in arm.tally.seen}) - failed,
    )
