"""Whether a run's question is answered: a pure function of what was counted, which holds whenever it is asked.

| evidence for a rate below | evidence for a rate above | answer |
|---|---|---|
| at least 1 / error for each test, from trials and from processes | any | below |
| any | at least (tests / error) for one of them | above |
| less | less | undecided |

Trials in forks of one process are alike in what that has fixed once: its hash seed, its addresses, what its imports
have drawn or read. Of that only processes tell. So each of them is one observation, the share of its trials that failed
(`stats.betting`); of those that still run, 1 if any failed. Where each trial has a process to itself trials are enough.

All of that takes trials as independent. Where a run turns out to have had others (`flakeproof.results.dependence`),
its answer stands only if it would have been the same with as many trials as they are worth.

All tests have to be below, so each may be wrong with the whole error; one above is enough, so each has a share of it.
"""

import copy
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import msgspec

from flakeproof.events import AnyEvent
from flakeproof.model import Answer, Finding, Question
from flakeproof.results.history import History
from flakeproof.stats.detection import fewest
from flakeproof.stats.special import from_logarithm
from flakeproof.stats.threshold import further_trials, log_evidence_above, log_evidence_below, log_evidence_mean_below


def find(question: Question, history: History) -> Finding:
    """The answer to `question`, as far as `history` gives it, and what it would still take."""
    subjects = list(_subjects(history, question, _at_once(history)))
    finding = _weigh(question, subjects)
    if finding.answer is not Answer.UNDECIDED:
        return finding
    if finding.further_processes != 0:
        return finding
    return msgspec.structs.replace(finding, further=_further(subjects, question))


def find_in(question: Question, failed: int, total: int) -> Finding:
    """The answer to `question` that so many failures of so many trials give, whatever processes they ran in."""
    finding = _weigh(msgspec.structs.replace(question, process_rate=None), [_Subject("", failed, total)])
    if finding.answer is not Answer.UNDECIDED:
        return finding
    return msgspec.structs.replace(finding, further=further_trials(failed, total, question.rate, question.error))


def reconsider(question: Question, finding: Finding, history: History, worth: float) -> Finding:
    """The `finding` of a run whose trials are worth only so much of independent ones (`worth` is below 1)."""
    if finding.answer is Answer.UNDECIDED:
        return finding
    subjects = [
        replace(subject, failed=round(subject.failed * worth), total=round(subject.total * worth))
        for subject in _subjects(history, question, _at_once(history))
    ]
    if _weigh(question, subjects).answer is finding.answer:
        return finding
    return msgspec.structs.replace(finding, answer=Answer.UNDECIDED, further=None, taken_back=True)


@dataclass(frozen=True)
class _Subject:
    """What has a rate: one of several tests, or the target."""

    name: str
    failed: int
    total: int
    shares: Sequence[float] = ()
    """Of the processes in which it failed, the part of its trials that did …"""
    clean: int = 0
    """… and the number of those in which it never failed."""


def _weigh(question: Question, subjects: Sequence[_Subject]) -> Finding:
    """The answer alone: the further trials are left at 0."""
    wanted = -math.log(question.error)
    below = [(log_evidence_below(one.failed, one.total, question.rate), one.name) for one in subjects]
    share = math.log(max(1, len(subjects)))
    above = [(log_evidence_above(one.failed, one.total, question.rate) - share, one.name) for one in subjects]
    # Without a subject nothing is known of the one there is going to be.
    least, most = min(below, default=(0.0, "")), max(above, default=(0.0, ""))
    answer = Answer.ABOVE if most[0] >= wanted else Answer.BELOW if least[0] >= wanted else Answer.UNDECIDED
    finding = Finding(
        rate=question.rate,
        error=question.error,
        answer=answer,
        below=from_logarithm(least[0]),
        above=from_logarithm(most[0]),
        wanted=1 / question.error,
        item=most[1] if answer is Answer.ABOVE else least[1],
        further=0,
    )
    return finding if question.process_rate is None else _with_processes(finding, question.process_rate, subjects)


def _with_processes(finding: Finding, rate: float, subjects: Sequence[_Subject]) -> Finding:
    """The `finding` from trials, and what processes tell: a rate is below only where both say so."""
    evidence = [(log_evidence_mean_below(one.shares, one.clean, rate), one) for one in subjects]
    least, subject = min(evidence, key=lambda one: one[0], default=(0.0, _Subject("", 0, 0)))
    wanted = math.log(finding.wanted)
    finding = msgspec.structs.replace(
        finding,
        process_rate=rate,
        processes=len(subject.shares) + subject.clean,
        process_below=from_logarithm(least),
    )
    if finding.answer is not Answer.BELOW or least >= wanted:
        return finding
    return msgspec.structs.replace(
        finding,
        answer=Answer.UNDECIDED,
        item=subject.name,
        further_processes=_further_processes(subject, rate, wanted),
    )


def _further_processes(subject: _Subject, rate: float, wanted: float) -> int:
    """How many more processes decide, if it fails in none of those."""
    clean = fewest(lambda clean: log_evidence_mean_below(subject.shares, clean, rate) >= wanted)
    return max(1, clean - subject.clean)


class Asking:
    """Finds the answer to `question` while a run goes on that has so many processes `at_once`."""

    def __init__(self, question: Question, at_once: int = 1) -> None:
        self._question = question
        self._at_once = at_once
        self._history = History()
        self.further_processes = 0
        """More processes that it takes, after trials have told; 0 where it is not for processes to tell."""

    def resume(self, history: History) -> None:
        """Begin with what is known already."""
        self._history = copy.deepcopy(history)

    def add(self, event: AnyEvent) -> None:
        """Take in how trials ended: all that have ended in a process, and not only those of one outcome."""
        self._history.add(event)

    def answer(self) -> Finding | None:
        """The answer, once there is one."""
        # Asked with every batch: what it would still take is for the end.
        finding = _weigh(self._question, list(_subjects(self._history, self._question, self._at_once)))
        self.further_processes = finding.further_processes
        return None if finding.answer is Answer.UNDECIDED else finding


def _at_once(history: History) -> int:
    return history.spec.processes if history.spec is not None else 1


def _subjects(history: History, question: Question, at_once: int) -> Iterable[_Subject]:
    """Each of several tests that were collected, else the target; with what its processes tell if that is asked.

    A command may fail without naming a test, and all of its tests are not known: its question is about the whole.
    """
    by_process = question.process_rate is not None
    if len(history.items) <= 1 or not history.has_collected:
        failed = history.failed
        found = _Subject("", failed, failed + history.passed)
        yield _in_processes(found, history, at_once) if by_process else found
        return
    for name, item in history.items.items():
        if total := item.failed + item.passed:
            found = _Subject(name, item.failed, total)
            yield _in_processes(found, history, at_once) if by_process else found


def _in_processes(subject: _Subject, history: History, at_once: int) -> _Subject:
    tallies = history.places.processes
    if not tallies or not history.places.complete:
        return subject
    trials = sum(tally.trials for tally in tallies.values())
    newest = max(tallies) - at_once
    shares = []
    if subject.failed:
        for number, tally in tallies.items():
            failed = tally.items.get(subject.name, 0) if subject.name else tally.failed + tally.fatal
            if failed:
                whole = number > newest or subject.total < trials
                shares.append(1.0 if whole else failed / tally.trials)
    # A test that was not run in each trial may have been in some of the processes only.
    had = min(len(tallies), math.floor(len(tallies) * subject.total / max(1, trials)))
    return replace(subject, shares=shares, clean=max(0, had - len(shares)))


def _further(subjects: Sequence[_Subject], question: Question) -> int | None:
    needs = [further_trials(one.failed, one.total, question.rate, question.error) for one in subjects]
    known = [need for need in needs if need is not None]
    return max(known, default=0) if len(known) == len(needs) else None
