"""What a run means: a pure function of its counts. The table is in docs/how-it-works.md.

| failed | passed | lost | verdict | exit code | exit code if a signal ended the run |
|---|---|---|---|---|---|
| > 0 | > 0 | any | flaky | 1 | 130 or 143 |
| > 0 | 0 | any | broken | 1 | 130 or 143 |
| 0 | any | > 0 | inconclusive | 3 | 130 or 143 |
| 0 | > 0 | 0 | stable | 0 | 130 or 143 |
| 0 | 0 | 0 | inconclusive | 5 | 130 or 143 |
"""

from collections.abc import Sequence
from enum import StrEnum

from flakeproof.errors import ExitCode, exit_code_of_signal
from flakeproof.model import Answer


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
    INCOMPLETE = "incomplete"
    """Its record has no end: it was killed, or still goes on."""


def of_run(failed: int, passed: int, lost: int) -> Verdict:
    """The verdict on a run with so many failures, passes, and trials whose result is lost."""
    if failed:
        return Verdict.FLAKY if passed else Verdict.BROKEN
    return Verdict.STABLE if passed and not lost else Verdict.INCONCLUSIVE


def exit_code_of_answer(answer: Answer, code: ExitCode, *, tolerates: bool) -> ExitCode:
    """The exit code of a run with a question, whose other results alone would give `code`.

    | answer | a gate, which tolerates failures below the rate | any other run |
    |---|---|---|
    | below | 0 | 1 with failures, else 0 |
    | above | 1 | 1 |
    | undecided | 4 | 1 with failures, else 4 |

    Nothing run (5), no result (3) and signals (130, 143) come first.
    """
    if code not in (ExitCode.GOOD, ExitCode.FAILURES):
        return code
    if answer is Answer.ABOVE:
        return ExitCode.FAILURES
    if code is ExitCode.FAILURES and not tolerates:
        return code
    return ExitCode.GOOD if answer is Answer.BELOW else ExitCode.INCONCLUSIVE


def of_items(items: Sequence[Verdict], whole: Verdict) -> Verdict:
    """The verdict on several items whose passes have the verdict `whole`: one that always fails hides no flaky one."""
    return Verdict.FLAKY if Verdict.FLAKY in items else whole


def exit_code(failed: int, passed: int, lost: int, stopped: str | None) -> ExitCode:
    """The exit code of a run; `stopped` is the reason for an early end, None for none."""
    if (code := exit_code_of_signal(stopped)) is not None:
        return code
    if failed:
        return ExitCode.FAILURES
    if lost:
        return ExitCode.BROKEN
    return ExitCode.GOOD if passed else ExitCode.NOTHING
