"""When a run's question is answered, and what that makes of the exit code."""

import itertools

import pytest

from flakeproof.errors import ExitCode
from flakeproof.events import ItemsCollected, TrialFailed, TrialsPassed
from flakeproof.model import Answer, Failure, ItemOutcome, Outcome, Question
from flakeproof.results.history import History
from flakeproof.results.question import Asking, find
from flakeproof.results.verdict import exit_code_of_answer

QUESTION = Question(rate=0.02, error=0.05)


def history(passed: int, failed: int = 0, *, items: int = 1, failing: str = "item 0") -> History:
    """So many trials that passed and failed, of so many items, of which one fails."""
    found = History()
    if items > 1:
        found.add(ItemsCollected(items=[f"item {number}" for number in range(items)]))
    if passed:
        found.add(TrialsPassed(process=0, count=passed, durations=[]))
    failure = Failure(
        trial=1,
        seed=1,
        outcome=Outcome.FAILED,
        message="no",
        item=failing if items > 1 else "",
        signature="no",
        duration=0.1,
        process=0,
    )
    for number in range(failed):
        found.add(
            TrialFailed(number=number + 1, failure=failure, items={failing: ItemOutcome.FAILED} if items > 1 else {})
        )
    return found


@pytest.mark.parametrize(
    ("passed", "failed", "answer"),
    [
        (0, 0, Answer.UNDECIDED),
        (100, 0, Answer.UNDECIDED),
        (200, 0, Answer.BELOW),
        (2000, 20, Answer.BELOW),
        (1960, 40, Answer.UNDECIDED),
        (90, 10, Answer.ABOVE),
        (0, 3, Answer.ABOVE),
    ],
)
def test_one_target(passed: int, failed: int, answer: Answer) -> None:
    """The answer follows the counts."""
    found = find(QUESTION, history(passed, failed))
    assert found.answer is answer
    assert (found.further == 0) == (answer is not Answer.UNDECIDED)


def test_every_test_has_to_be_below() -> None:
    """One that is not yet known to be is the one that the answer hangs on."""
    found = find(QUESTION, history(2000, 40, items=5, failing="item 3"))
    assert (found.answer, found.item) == (Answer.UNDECIDED, "item 3")
    assert find(QUESTION, history(2000, 0, items=5)).answer is Answer.BELOW


def test_one_test_above_is_enough_but_has_to_be_it_beyond_doubt() -> None:
    """With many tests one of them fails by chance: what would do for one does not for a hundred."""
    assert find(QUESTION, history(42, 6)).answer is Answer.ABOVE
    assert find(QUESTION, history(42, 6, items=100)).answer is Answer.UNDECIDED
    found = find(QUESTION, history(42, 12, items=100))
    assert (found.answer, found.item) == (Answer.ABOVE, "item 0")


OF_PROCESSES = Question(rate=0.02, error=0.05, process_rate=0.1)


def in_processes(*counts: tuple[int, int], items: int = 1, failing: str = "item 0") -> History:
    """Processes with so many failures and passes each, the latest of which still runs."""
    found = History()
    if items > 1:
        found.add(ItemsCollected(items=[f"item {number}" for number in range(items)]))
    for process, (failed, passed) in enumerate(counts):
        if passed:
            found.add(TrialsPassed(process=process, count=passed, durations=[]))
        one = Failure(
            trial=1, seed=1, outcome=Outcome.FAILED, message="no", signature="no", duration=0.1, process=process
        )
        unlike = {failing: ItemOutcome.FAILED} if items > 1 else {}
        for number in range(failed):
            found.add(TrialFailed(number=number + 1, failure=one, items=unlike))
    return found


@pytest.mark.parametrize(
    ("counts", "answer", "further"),
    [
        ([(0, 2000)], Answer.UNDECIDED, 29),
        ([(0, 200)] * 29, Answer.UNDECIDED, 1),
        ([(0, 200)] * 30, Answer.BELOW, 0),
        ([(0, 1)] * 30, Answer.UNDECIDED, 0),  # of tests there are too few
        ([(1, 199)] * 29 + [(0, 200)] * 4, Answer.BELOW, 0),  # rare in every process
        ([(0, 200)] * 33 + [(1, 199)], Answer.UNDECIDED, 78),  # the one that still runs may yet fail each time
    ],
)
def test_what_a_process_fixes_is_for_processes_to_tell(
    counts: list[tuple[int, int]], answer: Answer, further: int
) -> None:
    """However many trials of one process have passed: they are alike in its hash seed."""
    found = find(OF_PROCESSES, in_processes(*counts))
    assert (found.answer, found.further_processes, found.processes) == (answer, further, len(counts))


def test_each_test_has_its_own_processes() -> None:
    """What fails in some of the processes only is one of many tests."""
    counts = [(0, 200)] * 40 + [(1, 0)] * 3 + [(0, 200)]
    found = find(OF_PROCESSES, in_processes(*counts, items=3, failing="item 1"))
    assert (found.answer, found.item) == (Answer.UNDECIDED, "item 1")
    assert found.further_processes > 0
    assert find(OF_PROCESSES, in_processes(*[(0, 200)] * 31, items=3)).answer is Answer.BELOW


def test_while_it_goes_on_it_says_how_many_processes_are_wanted() -> None:
    """None before trials have told, and none after."""
    asking = Asking(OF_PROCESSES)
    wanted = []
    for process in range(31):
        asking.add(TrialsPassed(process=process, count=150, durations=[]))
        found = asking.answer()
        wanted.append(asking.further_processes)
    assert (wanted[0], wanted[1], wanted[28], wanted[29]) == (0, 28, 1, 0)
    assert found is not None
    assert found.answer is Answer.BELOW


_TABLE = {
    (Answer.BELOW, True, True): 0,
    (Answer.BELOW, True, False): 0,
    (Answer.BELOW, False, True): 1,
    (Answer.BELOW, False, False): 0,
    (Answer.ABOVE, True, True): 1,
    (Answer.ABOVE, True, False): 1,
    (Answer.ABOVE, False, True): 1,
    (Answer.ABOVE, False, False): 1,
    (Answer.UNDECIDED, True, True): 4,
    (Answer.UNDECIDED, True, False): 4,
    (Answer.UNDECIDED, False, True): 1,
    (Answer.UNDECIDED, False, False): 4,
}


@pytest.mark.parametrize(
    ("answer", "tolerates", "failed"), list(itertools.product(Answer, (True, False), (True, False)))
)
def test_every_case_of_the_table_of_exit_codes(answer: Answer, tolerates: bool, failed: bool) -> None:
    """As documented."""
    code = ExitCode.FAILURES if failed else ExitCode.GOOD
    assert exit_code_of_answer(answer, code, tolerates=tolerates) == _TABLE[answer, tolerates, failed]


@pytest.mark.parametrize("code", [ExitCode.BROKEN, ExitCode.NOTHING, ExitCode.INTERRUPTED, ExitCode.TERMINATED])
@pytest.mark.parametrize("answer", Answer)
def test_what_comes_first(answer: Answer, code: ExitCode) -> None:
    """No answer makes up for a run that did not come to one."""
    assert exit_code_of_answer(answer, code, tolerates=True) == code
