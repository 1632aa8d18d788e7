"""What a run means: a pure function of its counts. The table is in docs/how-it-works.md.

| failures | passes | lost | stopped by a signal | verdict | exit code |
|---|---|---|---|---|---|
| any | any | any | yes | as below | 130 or 143 |
| > 0 | > 0 | any | no | flaky | 1 |
| > 0 | 0 | any | no | broken | 1 |
| 0 | > 0 | 0 | no | stable | 0 |
| 0 | any | > 0 | no | inconclusive | 3 |
| 0 | 0 | 0 | no | inconclusive | 5 |
"""

from enum import StrEnum

from flakeproof.errors import ExitCode


class Verdict(StrEnum):
    """What is concluded about the target."""

    STABLE = "stable"
    """It passed every time; the summary says how rare a failure can still be."""
    FLAKY = "flaky"
    """It passed and it failed."""
    BROKEN = "broken"
    """It failed every time."""
    INCONCLUSIVE = "inconclusive"
    """No trial has told anything."""


def of_run(failed: int, passed: int) -> Verdict:
    """The verdict on a run with so many failures and passes."""
    if failed:
        return Verdict.FLAKY if passed else Verdict.BROKEN
    return Verdict.STABLE if passed else Verdict.INCONCLUSIVE


def exit_code(failed: int, passed: int, lost: int, stopped: str | None) -> ExitCode:
    """The exit code of a run; `stopped` is the reason for an early end, None for none."""
    if stopped == "interrupted":
        return ExitCode.INTERRUPTED
    if stopped == "terminated":
        return ExitCode.TERMINATED
    if failed:
        return ExitCode.FAILURES
    if lost:
        return ExitCode.BROKEN
    return ExitCode.GOOD if passed else ExitCode.NOTHING
