"""What a bisection has found, from what is known at its end."""

import re
from collections import Counter
from collections.abc import Sequence

from flakeproof.errors import ExitCode, exit_code_of_signal
from flakeproof.features.onset.records import (
    COMMITS_KEPT,
    PARTS,
    BisectAnswer,
    Bisection,
    CommitFound,
    CommitSkipped,
    CommitTried,
    Compared,
    Counted,
)
from flakeproof.features.onset.search import LIKELY, BisectSearch, End
from flakeproof.results.summary import anytime_interval
from flakeproof.stats.ancestry import members
from flakeproof.stats.onset import GOOD
from flakeproof.stats.two_rates import Count
from flakeproof.text import one_line, plural

_CONFIDENCE = 0.95
_ID = re.compile(r"\b[0-9a-f]{12}\b")
_MANY_SKIPS = 0.2
"""Part of the commits tried that had to be skipped, from which on something may be wrong with how they are tried."""


def conclude(search: BisectSearch, end: End, stopped: str | None, run_id: str, folder: str, command: str) -> Bisection:
    """The result; `command` is what goes on with it, should the answer be open."""
    spec, between, onset = search.spec, search.between, search.onset
    weights = onset.of_commits() if search.visits else []
    every = sorted(_named(end, weights), key=lambda number: (-weights[number], number))
    named = every[:COMMITS_KEPT]
    before, after = _counts(search, end)
    comparison = _comparison(search, end)
    found = end.answer in (BisectAnswer.FOUND, BisectAnswer.SET)
    show = "git show" if len(named) == 1 else "git show --no-patch"
    return Bisection(
        run_id=run_id,
        folder=folder,
        target=spec.target,
        good=spec.good,
        bad=spec.bad,
        fixed=spec.fixed,
        answer=end.answer,
        culprits=[
            CommitFound(
                commit=between.commits[number],
                title=between.title(between.commits[number]),
                author=between.signed(between.commits[number]),
                probability=weights[number],
            )
            for number in named
        ],
        among=len(every),
        probability=sum(weights[number] for number in every) if end.answer is BisectAnswer.OPEN else end.probability,
        confirmed=end.confirmed,
        confirmation=comparison,
        before=_counted(before),
        after=_counted(after),
        signatures=search.signatures,
        message=search.message,
        others=search.others,
        posterior=_parts(weights),
        tried=[
            CommitTried(
                commit=spec.good if number == GOOD else between.commits[number],
                number=number + 1,
                failed=count.failed,
                passed=count.trials - count.failed,
            )
            for number, count in sorted(onset.counts.items())
        ],
        skipped=[CommitSkipped(commit=commit, reason=reason) for commit, reason in search.skipped.items()],
        commits=len(between.commits),
        visits=len(search.visits),
        trials=onset.total.trials + search.others,
        elapsed=search.seconds,
        error=spec.error,
        seed=spec.seed,
        stopped=stopped,
        command=" ".join([show, *(between.commits[number][:12] for number in named)]) if found else command,
        notes=_notes(search, end, named),
        exit_code=int(_exit_code(end, stopped)),
    )


def _named(end: End, weights: Sequence[float]) -> list[int]:
    if end.answer in (BisectAnswer.FOUND, BisectAnswer.SET):
        return members(end.bits)
    if end.answer is not BisectAnswer.OPEN or not weights:
        return []
    found, so_far, wanted = [], 0.0, LIKELY * sum(weights)
    for number in sorted(range(len(weights)), key=lambda number: -weights[number]):
        if so_far >= wanted:
            break
        found.append(number)
        so_far += weights[number]
    return found


def _counts(search: BisectSearch, end: End) -> tuple[Count, Count]:
    """What was counted before and after: of the culprit, or at both ends."""
    onset = search.onset
    newest = onset.ancestry.size - 1
    if not end.bits or end.answer is BisectAnswer.OPEN:
        return onset.counts.get(GOOD, Count()), onset.counts.get(newest, Count())
    affected = sum(
        (
            count
            for commit, count in onset.counts.items()
            if commit != GOOD and end.bits & onset.ancestry.of(commit) == end.bits
        ),
        Count(),
    )
    return onset.total - affected, affected


def _counted(count: Count) -> Counted:
    interval = anytime_interval(count.failed, count.trials, _CONFIDENCE) if count.trials else None
    return Counted(failed=count.failed, passed=count.passed, interval=interval)


def _comparison(search: BisectSearch, end: End) -> Compared | None:
    named = (
        {search.between.commits[number] for number in members(end.bits)}
        if end.answer is not BisectAnswer.OPEN
        else set()
    )
    return next((one for one in reversed(search.comparisons) if one.culprit in named), None)


def _parts(weights: Sequence[float]) -> list[float]:
    parts = min(PARTS, len(weights))
    size = len(weights)
    return [sum(weights[size * part // parts : size * (part + 1) // parts]) for part in range(parts)]


def _notes(search: BisectSearch, end: End, named: Sequence[int]) -> list[str]:
    spec, between = search.spec, search.between
    notes = []
    if end.answer is BisectAnswer.FOUND and spec.good in spec.absent and _begins(search, named[0]):
        notes.append(f"the test was added by it; whether older code fails as well, --tests-from {spec.bad[:12]} tells")
    if spec.good in search.skipped and spec.good not in spec.absent:
        notes.append(f"the good end cannot be run ({search.skipped[spec.good]}): that it is good was taken on trust")
    if end.answer in (BisectAnswer.FOUND, BisectAnswer.SET) and not spec.fixed:
        before, _ = _counts(search, end)
        if before.failed > 1 and search.trials_of(spec.good).failed:
            notes.append("it failed before as well, but more rarely")
    if len(named) == 1 and end.answer is BisectAnswer.FOUND and between.is_merge(between.commits[named[0]]):
        notes.append("it is a merge: what it joins fails less often on either side; compared was its first parent")
    tried = len({visit.commit for visit in search.visits})
    hindered = [reason for commit, reason in search.skipped.items() if commit not in spec.absent]
    skips = len(hindered)
    if skips and skips > _MANY_SKIPS * (tried + skips):
        kinds = Counter(_ID.sub("…", reason) for reason in hindered)
        usual, times = kinds.most_common(1)[0]
        notes.append(f"{plural(skips, 'commit')} could not be tried, {times} of them because: {one_line(usual, 120)}")
        if not spec.tests_from:
            notes.append(f"where the test is younger than the code, --tests-from {spec.bad[:12]} brings it along")
    if search.others:
        notes.append(f"{plural(search.others, 'test')} failed in another way, which does not count (see --signature)")
    return notes


def _begins(search: BisectSearch, number: int) -> bool:
    """Whether the test is in no parent of that commit."""
    between = search.between
    parents = [between.commits[parent] for parent in between.parents[number]] or [search.spec.good]
    return set(parents) <= set(search.spec.absent)


def _exit_code(end: End, stopped: str | None) -> ExitCode:
    """A culprit that was found is a failure found; what is not known, or not so, is inconclusive."""
    if end.answer in (BisectAnswer.FOUND, BisectAnswer.SET):
        return ExitCode.FAILURES
    return exit_code_of_signal(stopped) or ExitCode.INCONCLUSIVE
