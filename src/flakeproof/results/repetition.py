"""Whether tests fail only where an earlier trial has run them in the same process: a pure function of what was counted.

Under the hypothesis that it makes no difference which trial of a process is its first, the failures of a test fall on
first and later trials at random: Fisher's exact test, one-sided, with Holm's correction for the tests that failed. It
is made for tests of pytest in processes that trials share, and not where some trials are told without their process.
"""

from flakeproof.model import Isolation, PytestTarget, Record
from flakeproof.results.history import History
from flakeproof.stats.tables import fisher_greater, holm

LEVEL = 0.05
"""Of all tests together: so often something is said where the first trial of a process is like any other, at most."""


class Repetition(Record, frozen=True, kw_only=True):
    """A test that passed in the first trial of each process, and failed in later ones."""

    item: str
    processes: int
    """In which it ran, and passed in the first trial."""
    later: int
    """Further trials in these processes that passed or failed …"""
    later_failed: int
    """… and how many of them failed."""
    alone: bool
    """Whether it was the only test of each trial, so that nothing but itself has run before."""
    p: float
    """Probability of such a difference by chance, corrected for the number of tests that failed."""


def of_run(history: History) -> list[Repetition]:
    """What is found, the most failures first."""
    spec = history.spec
    if spec is None or spec.isolation is not Isolation.SHARED or not isinstance(spec.target, PytestTarget):
        return []
    if not history.knows_first_trials or spec.drop_failed:
        return []
    failed = {name: item for name, item in history.items.items() if item.failed}
    p_values = []
    for item in failed.values():
        first, first_failed = item.first_passed + item.first_failed, item.first_failed
        later, later_failed = item.passed + item.failed - first, item.failed - first_failed
        p_values.append(
            fisher_greater(((later_failed, later - later_failed), (first_failed, first - first_failed)))
            if later >= later_failed >= 0 and first
            else 1.0
        )
    found = [
        Repetition(
            item=name,
            processes=item.first_passed,
            later=item.passed + item.failed - item.first_passed,
            later_failed=item.failed,
            alone=len(history.items) == 1,
            p=p,
        )
        for (name, item), p in zip(failed.items(), holm(p_values), strict=True)
        if p <= LEVEL and not item.first_failed
    ]
    return sorted(found, key=lambda one: -one.later_failed)
