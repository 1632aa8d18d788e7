"""A bisection in words: each step, and what was found."""

from collections.abc import Iterator, Sequence

from flakeproof.features.onset.records import BisectAnswer, Bisection, Compared, Counted, Skipped, Visited
from flakeproof.features.onset.search import LIKELY, BisectSearch, Compare, Visit
from flakeproof.reports.foreign import code, findings
from flakeproof.reports.rates import rate_with_interval
from flakeproof.text import duration, number, one_line, plural, rate, share

_SHORT = 12
_TITLE = 50
_BLOCKS = "▁▂▃▄▅▆▇█"
_SHOWN = 10


def planned(step: Visit | Compare, search: BisectSearch) -> str:
    """Why this is done next, for `--log`."""
    if isinstance(step, Compare):
        return f"  next: {step.culprit[:_SHORT]} and its parent {step.parent[:_SHORT]} in turns, to confirm it"
    how = f"until one of {plural(step.trials, 'test')} fails" if step.stops else plural(step.trials, "test")
    return f"  next: {_place(step.commit, search)}, {how}: {step.why}"


def done(event: Visited | Skipped | Compared, search: BisectSearch) -> str:
    """What came of a step."""
    match event:
        case Skipped():
            return f"{_place(event.commit, search)}: skipped, {one_line(event.reason, 120)}"
        case Compared():
            return _compared(event, fixed=search.spec.fixed)
    counted = search.counted(event)
    trials = event.passed + len(event.failures)
    if counted:
        told = f"FAILED, {counted} of {plural(trials, 'test')}"
    elif event.failures:
        told = f"failed otherwise, {len(event.failures)} of {plural(trials, 'test')} ({one_line(event.message, 80)})"
    else:
        told = f"passed {plural(trials, 'test')}"
    ready = "" if event.was_ready else ", checked out"
    return f"{_place(event.commit, search)}: {told}, {duration(event.ready + event.seconds)}{ready}{_left(search)}"


def results(found: Bisection) -> Iterator[str]:
    """The results block without the conclusion."""
    yield "=== Bisect Results ==="
    for one in found.culprits[:_SHOWN]:
        yield f"{one.commit[:_SHORT]} {one.title} ({one.author}): {share(one.probability)}"
    if found.among > _SHOWN:
        yield f"and {plural(found.among - _SHOWN, 'more commit')}"
    if found.message:
        yield f"Failure: {one_line(found.message)}"
    ends = found.answer not in (BisectAnswer.FOUND, BisectAnswer.SET)
    yield f"  {'good end' if ends else 'before'}: {_count(found.before)}"
    yield f"  {'bad end' if ends else 'since'}: {_count(found.after)}"
    if found.confirmation is not None:
        yield _compared(found.confirmation, fixed=found.fixed)
    if any(found.posterior) and found.answer in (BisectAnswer.FOUND, BisectAnswer.SET, BisectAnswer.OPEN):
        yield f"good {picture(found.posterior)} bad"
    for note in found.notes:
        yield f"Note: {note}"
    if found.stopped is not None:
        yield f"Ended early: {found.stopped}"
    skips = f", {number(len(found.skipped))} skipped" if found.skipped else ""
    yield (
        f"{plural(found.commits, 'commit')}, {plural(found.visits, 'visit')}{skips}, "
        f"{plural(found.trials, 'test')}, {duration(found.elapsed)}, seed {found.seed}"
    )
    if found.command:
        yield f"{'Show' if not ends else 'Go on'}: {found.command}"


def conclusion(found: Bisection) -> str:
    """One sentence."""
    sure = f"error at most {rate(found.error)}"
    became = "fails less often" if found.fixed else "is flaky"
    match found.answer:
        case BisectAnswer.FOUND:
            one = found.culprits[0]
            state = {True: "confirmed", False: "NOT confirmed", None: "not confirmed"}[found.confirmed]
            return f"{found.target} {became} since {one.commit[:_SHORT]} {one.title} ({sure}; {state})"
        case BisectAnswer.SET:
            return (
                f"{found.target} {became} since one of {plural(found.among, 'commit')}, which cannot be told "
                f"apart because those between them cannot be run ({sure})"
            )
        case BisectAnswer.NO_CHANGE:
            return f"No such commit: it fails equally often at both ends ({sure})"
        case BisectAnswer.NEVER:
            end, revision = ("good", found.good) if found.fixed else ("bad", found.bad)
            return (
                f"Nothing to find: it did not fail at the {end} end {revision[:_SHORT]}; make it fail there first "
                "(flakeproof amplify), and give the same options here"
            )
        case BisectAnswer.OTHER_WAY:
            less, remedy = ("good", "swap --good and --bad") if found.fixed else ("bad", "swap them, or add --fixed")
            return f"It fails less often at the {less} end than at the other one: {remedy} ({sure})"
    if not found.culprits:
        return "Not known yet"
    if found.stopped is None:
        return "Not known, and what is left cannot be run: no trial would tell more"
    return f"Not known yet: it is one of {plural(found.among, 'commit')} with probability {share(found.probability)}"


def picture(parts: Sequence[float]) -> str:
    """How likely each part of the history is to hold the culprit, as a row of blocks."""
    highest = max(parts, default=0.0)
    if highest <= 0:
        return ""
    return "".join(_BLOCKS[min(len(_BLOCKS) - 1, int(len(_BLOCKS) * part / highest))] for part in parts)


def _place(commit: str, search: BisectSearch) -> str:
    """The commit, where it is in the history, and what it does."""
    at = search.number(commit)
    title = one_line(search.between.title(commit), _TITLE)
    where = "good end" if commit == search.spec.good else f"{at + 1} of {len(search.between.commits)}"
    return f"[{where}] {commit[:_SHORT]} {title}"


def _left(search: BisectSearch) -> str:
    """How much is left to look at."""
    onset = search.onset
    if not search.trials_of(search.failing_end).failed:
        return ""
    if onset.no_change > LIKELY / 2:
        return f"; no change: {share(onset.no_change, 0)}"
    so_far, commits = onset.no_change + onset.other_way, 0
    for one in sorted(onset.culprits, key=lambda one: -one.probability / one.bits.bit_count()):
        if so_far >= LIKELY:
            break
        so_far += one.probability
        commits += one.bits.bit_count()
    return f"; among {plural(commits, 'commit')} ({share(LIKELY, 0)})" if commits else ""


def _compared(event: Compared, *, fixed: bool) -> str:
    said = {True: "Confirmed", False: "Not confirmed", None: "Not decided"}[event.confirmed]
    sides = [
        f"{name} failed {failed} of {failed + passed}"
        for name, failed, passed in (
            (f"with {event.culprit[:_SHORT]} it", event.culprit_failed, event.culprit_passed),
            (f"with its parent {event.parent[:_SHORT]}", event.parent_failed, event.parent_passed),
        )
    ]
    return f"{said} in turns: {', '.join(reversed(sides) if fixed else sides)}"


def _count(count: Counted) -> str:
    trials = count.failed + count.passed
    if not trials or count.interval is None:
        return "not run"
    counted = f"failed {number(count.failed)} of {number(trials)}"
    return f"{counted}: {rate_with_interval(count.failed / trials, count.interval)}"


def markdown(found: Bisection) -> bytes:
    """The document for an issue or a pull request."""
    return findings(
        f"since when {code(found.target)} {'fails less often' if found.fixed else 'is flaky'}",
        conclusion(found),
        results(found),
        f"{plural(found.commits, 'commit')}, {plural(found.trials, 'test')}, {duration(found.elapsed)}, "
        f"seed {found.seed}",
        found.command,
    )
