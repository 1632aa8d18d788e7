"""The table of verdicts and exit codes."""

import itertools

import pytest

from flakeproof.errors import ExitCode, Stop, exit_code_of_signal, is_signal
from flakeproof.results.verdict import Verdict, exit_code, of_run

# Whether any failed, passed, were lost: as the table in the documentation has it, one row each.
_TABLE = {
    (True, True, True): (Verdict.FLAKY, 1),
    (True, True, False): (Verdict.FLAKY, 1),
    (True, False, True): (Verdict.BROKEN, 1),
    (True, False, False): (Verdict.BROKEN, 1),
    (False, True, True): (Verdict.INCONCLUSIVE, 3),
    (False, True, False): (Verdict.STABLE, 0),
    (False, False, True): (Verdict.INCONCLUSIVE, 3),
    (False, False, False): (Verdict.INCONCLUSIVE, 5),
}


@pytest.mark.parametrize("stopped", [None, *(stop.value for stop in Stop)])
@pytest.mark.parametrize(("failed", "passed", "lost"), list(itertools.product((0, 1, 2, 10**9), repeat=3)))
def test_every_case_of_the_table(failed: int, passed: int, lost: int, stopped: str | None) -> None:
    """Only whether there are any counts, and only a signal changes the exit code."""
    verdict, code = _TABLE[failed > 0, passed > 0, lost > 0]
    code = {Stop.INTERRUPTED: 130, Stop.TERMINATED: 143}.get(Stop(stopped) if stopped else Stop.SPENT, code)

    assert verdict == of_run(failed, passed, lost)
    assert code == exit_code(failed, passed, lost, stopped)


@pytest.mark.parametrize("reason", [None, *Stop])
def test_a_signal_is_told_from_other_ends(reason: Stop | None) -> None:
    """By its reason, which is a text in a summary."""
    code = {Stop.INTERRUPTED: ExitCode.INTERRUPTED, Stop.TERMINATED: ExitCode.TERMINATED}.get(reason or Stop.SPENT)
    assert exit_code_of_signal(None if reason is None else str(reason)) is code
    assert is_signal(reason) == (code is not None)


def test_the_codes_are_those_documented() -> None:
    """Numbers that scripts rely on."""
    assert [int(code) for code in ExitCode] == [0, 1, 2, 3, 4, 5, 130, 143]
