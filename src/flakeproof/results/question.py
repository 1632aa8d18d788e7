"""Whether a run's question is answered: a pure function of what was counted, which holds whenever it is asked.

| evidence for a rate below | evidence for a rate above | answer |
|---|---|---|
| at least 1 / error for each test | any | below |
| any | at least (tests / error) for one of them | above |
| less | less | undecided |

All of that takes trials as independent. Where a run turns out to have had others (`flakeproof.results.dependence`),
its answer stands only if it would have been the same with as many trials as they are worth.

All tests have to be below, so each may be wrong with the whole error; one above is enough, so each has a share of it.
"""

import math
from collections.abc import Iterable

import msgspec

from flakeproof.events import AnyEvent
from flakeproof.model import Answer, Finding, Question
from flakeproof.results.history import History
from flakeproof.stats.special import from_logarithm
from flakeproof.stats.threshold import further_trials, log_evidence_above, log_evidence_below


def find(question: Question, history: History) -> Finding:
    """The answer to `question`, as far as `history` gives it, and what it would still take."""
    subjects = list(_subjects(history))
    finding = _weigh(question, subjects)
    if finding.answer is not Answer.UNDECIDED:
        return finding
    return msgspec.structs.replace(finding, further=_further(subjects, question))


def find_in(question: Question, failed: int, total: int) -> Finding:
    """The answer to `question` that so many failures of so many trials give."""
    finding = _weigh(question, [("", failed, total)])
    if finding.answer is not Answer.UNDECIDED:
        return finding
    return msgspec.structs.replace(finding, further=further_trials(failed, total, question.rate, question.error))


def reconsider(question: Question, finding: Finding, history: History, worth: float) -> Finding:
    """The `finding` of a run whose trials are worth only so much of independent ones (`worth` is below 1)."""
    if finding.answer is Answer.UNDECIDED:
        return finding
    subjects = [(name, round(failed * worth), round(total * worth)) for name, failed, total in _subjects(history)]
    if _weigh(question, subjects).answer is finding.answer:
        return finding
    return msgspec.structs.replace(finding, answer=Answer.UNDECIDED, further=None, taken_back=True)


def _weigh(question: Question, subjects: list[tuple[str, int, int]]) -> Finding:
    """The answer alone: the further trials are left at 0."""
    wanted = -math.log(question.error)
    below = [(log_evidence_below(failed, total, question.rate), item) for item, failed, total in subjects]
    share = math.log(max(1, len(subjects)))
    above = [(log_evidence_above(failed, total, question.rate) - share, item) for item, failed, total in subjects]
    # Without a subject nothing is known of the one there is going to be.
    least, most = min(below, default=(0.0, "")), max(above, default=(0.0, ""))
    answer = Answer.ABOVE if most[0] >= wanted else Answer.BELOW if least[0] >= wanted else Answer.UNDECIDED
    return Finding(
        rate=question.rate,
        error=question.error,
        answer=answer,
        below=from_logarithm(least[0]),
        above=from_logarithm(most[0]),
        wanted=1 / question.error,
        item=most[1] if answer is Answer.ABOVE else least[1],
        further=0,
    )


class Asking:
    """Finds the answer to `question` while a run goes on."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._history = History()

    def add(self, event: AnyEvent) -> None:
        """Take in how trials ended: all that have ended in a process, and not only those of one outcome."""
        self._history.add(event)

    def answer(self) -> Finding | None:
        """The answer, once there is one."""
        # Asked with every batch: what it would still take is for the end.
        finding = _weigh(self._question, list(_subjects(self._history)))
        return None if finding.answer is Answer.UNDECIDED else finding


def _subjects(history: History) -> Iterable[tuple[str, int, int]]:
    """Name, failures and trials of what has a rate: each of several tests, else the target."""
    if len(history.items) <= 1:
        failed = history.failed
        yield "", failed, failed + history.passed
        return
    for name, item in history.items.items():
        if total := item.failed + item.passed:
            yield name, item.failed, total


def _further(subjects: list[tuple[str, int, int]], question: Question) -> int | None:
    needs = [further_trials(failed, total, question.rate, question.error) for _, failed, total in subjects]
    known = [need for need in needs if need is not None]
    return max(known, default=0) if len(known) == len(needs) else None
