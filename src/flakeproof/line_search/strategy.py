"""The search for the line at which a pause matters: what to probe next, and what the probes tell. It runs nothing."""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from flakeproof.stats.comparison import fisher
from flakeproof.stats.culprits import CulpritTally, evidence
from flakeproof.stats.tables import holm

PAUSES = (0.001, 0.005, 0.02, 0.05)
"""Seconds; the shortest that works is wanted: a long one breaks tests that have a time limit of their own."""
PAUSE_WHERE_MET = 0.02
"""The same where threads and tasks meet, which is tried first …"""
LONGER_WAIT = 0.3
"""… and of a pause that may show there that a wait is too short: it keeps a test from failing. That one so long makes
it fail tells nothing, because there may be a limit on how long something takes."""
ERROR = 0.01
"""Probability with which a line may be named although no pause there matters, unless another one is asked for."""
MOST_CANDIDATES = 400
_LENGTHS = len(PAUSES) + 2
_SCREENED_HITS = 3.0
_CONFIRMED_HITS = 20.0
_LARGEST_SHARE = 0.25
_LEAST_SHARE = 0.02
_PARTS = 20
"""Trials of a screening in which each candidate takes part, on average."""
_FEWEST, _MOST = 48, 600
_NEXT_LINES = 3
"""Lines behind the best that are looked at, too."""
_ROUNDS = 3
_SUSPICIOUS = 1.0
"""Evidence that a place matters, as a Bayes factor, from which on it stays in the screening."""
_WORTH_CONFIRMING = 3.0
"""The same, at its end."""
_CONFIRMED_AT_ONCE = 6
_CONFIRMATION = 60
_CLEAR = 0.5
"""Difference in the failure rates from which on no longer pause is tried; below it the next one is, for comparison."""
_LOWERABLE = 0.15
"""Failure rate from which on it is worth looking for a pause that lowers it."""


@dataclass(frozen=True)
class TracedLine:
    """A line of the project's own code that trials execute."""

    file: str
    line: int
    function: str
    hits: float
    """How often in a trial."""
    units: int
    """Threads, tasks and processes of one trial that execute it, at most."""
    writes: bool = False
    """Whether its function writes to an attribute or an item there or further down: it may act on what it knew."""
    meets: bool = False
    """Whether threads or tasks may meet there, or at the statement before it."""


@dataclass(frozen=True)
class LinePause:
    """What is done at a place in a probe."""

    place: TracedLine
    seconds: float
    probability: float
    """Each time that the line is reached."""
    share: float
    """Of the trials."""


@dataclass(frozen=True)
class Probed:
    """One trial of a probe that has a result."""

    active: Sequence[bool]
    """Which of the pauses took part."""
    signatures: Collection[str]
    """Of its failures; none if it passed."""


class Probe(Protocol):
    """Runs trials."""

    def __call__(self, pauses: Sequence[LinePause], count: int) -> list[Probed]:
        """Run `count` trials, each with pauses of its own choice among these."""

    @property
    def seconds_left(self) -> float:
        """Of the budget."""

    def seconds_for(self, count: int, each: float) -> float:
        """How long a probe will take whose trials are paused for `each` seconds on average."""


@dataclass(frozen=True)
class Confirmed:
    """A place at which a pause has been shown to matter, in trials that were not used to find it."""

    place: TracedLine
    seconds: float
    probability: float
    raises: bool
    """Whether trials fail more often with it."""
    active: int
    active_failures: int
    idle: int
    idle_failures: int
    chance: float
    """Probability of so clear a difference if the pause did not matter, corrected for all that were tried."""


@dataclass
class FoundLine:
    """What has come of a search."""

    lines: list[Confirmed] = field(default_factory=list)
    """The best first."""
    pauses: list[float] = field(default_factory=list)
    """Lengths that have been tried to the end, in seconds."""
    signatures: set[str] = field(default_factory=set)
    """What counted as a failure."""
    base_trials: int = 0
    base_failures: int = 0
    out_of_time: bool = False


def search(
    places: Sequence[TracedLine],
    probe: Probe,
    signatures: Collection[str] = (),
    say: Callable[[str], None] = lambda _: None,
    error: float = ERROR,
    *,
    only_where_met: bool = False,
) -> FoundLine:
    """Find the places at which a pause matters for failures with these `signatures`.

    Without any, those count that trials fail with when nothing is paused, else the first that pauses bring about.
    `error` is the probability with which a line may be named although no pause there matters. Places at which threads
    and tasks meet come first; with `only_where_met` no others follow.
    """
    found = FoundLine(signatures=set(signatures))
    count = _base_count(probe)
    base = probe([], count)
    seen = {name for trial in base for name in trial.signatures}
    if not found.signatures:
        found.signatures = seen
    found.base_trials = len(base)
    found.base_failures = sum(_failed(trial, found) for trial in base)
    say(f"without pauses {found.base_failures} of {found.base_trials} tests failed")
    for candidates, seconds in _stages(places, found, only_where_met=only_where_met):
        if probe.seconds_left <= 0:
            found.out_of_time = True
            break
        suspects = _screen(candidates, seconds, probe, found)
        if found.out_of_time:
            break
        say(f"pauses of {1000 * seconds:g} ms at {len(candidates)} lines: {len(suspects) or 'none'} suspected")
        lines = _confirm(suspects, places, seconds, probe, found, error) if suspects else []
        if not found.out_of_time:
            found.pauses += [seconds] if len(candidates) == len(places) else []
        had_some = bool(found.lines)
        if lines and (not had_some or _difference(lines[0]) > _difference(found.lines[0])):
            found.lines = lines
        if had_some:
            break
        if lines and _difference(lines[0]) >= _CLEAR:
            break
    return found


def _stages(
    places: Sequence[TracedLine], found: FoundLine, *, only_where_met: bool
) -> list[tuple[Sequence[TracedLine], float]]:
    """Which places are tried, with pauses how long, one after the other."""
    meeting = [place for place in places if place.meets]
    stages: list[tuple[Sequence[TracedLine], float]] = []
    if meeting:
        stages.append((meeting, PAUSE_WHERE_MET))
        if _may_lower(found):
            stages.append((meeting, LONGER_WAIT))
    return stages if only_where_met else [*stages, *((places, seconds) for seconds in PAUSES)]


def _may_lower(found: FoundLine) -> bool:
    return found.base_failures > _LOWERABLE * found.base_trials


def _base_count(probe: Probe) -> int:
    """A tenth of the time is for the rate without pauses."""
    count = _CONFIRMATION
    while count > 10 and probe.seconds_for(count, 0) > probe.seconds_left / 10:
        count //= 2
    return count


def _failed(trial: Probed, found: FoundLine) -> bool:
    return not found.signatures.isdisjoint(trial.signatures)


def _tells(trial: Probed, found: FoundLine) -> bool:
    """Whether it passed, or failed in the way that is looked for: another failure tells nothing about that."""
    return not trial.signatures or _failed(trial, found)


def _screen(
    places: Sequence[TracedLine], seconds: float, probe: Probe, found: FoundLine
) -> list[tuple[TracedLine, bool]]:
    """The places that are suspected to matter, and whether they raise the rate; the most suspected first."""
    suspects = list(places)
    tallies = [CulpritTally() for _ in suspects]
    for turn in range(_ROUNDS):
        count, pauses = _plan(suspects, seconds, probe)
        if not count:
            found.out_of_time = True
            return []
        trials = probe(pauses, count)
        if not found.signatures:
            found.signatures = _first_signature(trials)
        for trial in trials:
            if _tells(trial, found):
                failed = _failed(trial, found)
                for tally, active in zip(tallies, trial.active, strict=True):
                    tally.add(active=active, failed=failed)
        suspicion = [
            _suspicion(tally, may_lower=_may_lower(found), may_raise=seconds < LONGER_WAIT) for tally in tallies
        ]
        last = turn == _ROUNDS - 1
        order = sorted(range(len(suspects)), key=lambda index: -suspicion[index][0])
        least = _WORTH_CONFIRMING if last else _SUSPICIOUS
        kept = [index for index in order if suspicion[index][0] > least]
        if last or len(kept) <= _CONFIRMED_AT_ONCE:
            return [(suspects[index], suspicion[index][1]) for index in kept[:_CONFIRMED_AT_ONCE]]
        suspects = [suspects[index] for index in kept]
        tallies = [tallies[index] for index in kept]
    return []


def _suspicion(tally: CulpritTally, *, may_lower: bool, may_raise: bool) -> tuple[float, bool]:
    """The evidence that a candidate matters, and whether it raises the rate."""
    found = evidence(tally)
    raises, lowers = (found.raises if may_raise else 0.0), (found.lowers if may_lower else 0.0)
    return max(raises, lowers), raises >= lowers


def _first_signature(trials: Sequence[Probed]) -> set[str]:
    counts: dict[str, int] = {}
    for trial in trials:
        for name in trial.signatures:
            counts[name] = counts.get(name, 0) + 1
    return {max(counts, key=lambda name: (counts[name], name))} if counts else set()


def _plan(suspects: Sequence[TracedLine], seconds: float, probe: Probe) -> tuple[int, list[LinePause]]:
    """How many trials to run, and the pauses among which each chooses; 0 trials if there is no time for them."""
    chances = [min(1.0, _SCREENED_HITS / max(place.hits, 1e-9)) for place in suspects]
    whole = seconds * math.fsum(place.hits * chance for place, chance in zip(suspects, chances, strict=True))
    trial = probe.seconds_for(1, 0)
    share = min(_LARGEST_SHARE, max(_LEAST_SHARE, max(0.03, 3 * trial) / max(whole, 1e-9)))
    count = min(_MOST, max(_FEWEST, math.ceil(_PARTS / share)))
    if probe.seconds_for(count, share * whole) > probe.seconds_left:
        count = int(count * probe.seconds_left / probe.seconds_for(count, share * whole))
    pauses = [LinePause(place, seconds, chance, share) for place, chance in zip(suspects, chances, strict=True)]
    return (count if count >= _FEWEST // 2 else 0), pauses


def _confirm(
    suspects: Sequence[tuple[TracedLine, bool]],
    places: Sequence[TracedLine],
    seconds: float,
    probe: Probe,
    found: FoundLine,
    error: float,
) -> list[Confirmed]:
    """Put the suspects to the test, and the lines behind the best of them: one at least, others while there is time."""
    tried: list[Confirmed] = []
    for place, raises in suspects:
        if tried and probe.seconds_left <= 0:
            found.out_of_time = True
            break
        tried.append(_test(place, raises, seconds, probe, found))
    lines = _significant(tried, error)
    for _ in range(_NEXT_LINES):
        following = _next(lines[0].place, places) if lines else None
        if following is None or any(following == one.place for one in tried) or probe.seconds_left <= 0:
            break
        tried.append(_test(following, lines[0].raises, seconds, probe, found))
        lines = _significant(tried, error)
    return lines


def _next(place: TracedLine, places: Sequence[TracedLine]) -> TracedLine | None:
    """The line that is executed next below in the same function."""
    below = [
        one for one in places if (one.file, one.function) == (place.file, place.function) and one.line > place.line
    ]
    return min(below, key=lambda one: one.line, default=None)


def _test(place: TracedLine, raises: bool, seconds: float, probe: Probe, found: FoundLine) -> Confirmed:
    """Pause at one place alone, in half of the trials, drawn at random: whatever else changes, changes for both halves.

    With Fisher's test on a number of trials that is fixed beforehand.
    """
    probability = min(1.0, _CONFIRMED_HITS / max(place.hits, 1e-9))
    tally = CulpritTally()
    for trial in probe([LinePause(place, seconds, probability, 0.5)], _CONFIRMATION):
        if _tells(trial, found):
            tally.add(active=trial.active[0], failed=_failed(trial, found))
    return Confirmed(
        place=place,
        seconds=seconds,
        probability=probability,
        raises=raises,
        active=tally.active,
        active_failures=tally.active_failures,
        idle=tally.idle,
        idle_failures=tally.idle_failures,
        chance=_chance(tally, raises=raises),
    )


def _chance(tally: CulpritTally, *, raises: bool) -> float:
    """Fisher's one-sided p-value for a difference in the rates."""
    active, idle = (tally.active_failures, tally.active), (tally.idle_failures, tally.idle)
    if not tally.active or not tally.idle:
        return 1.0
    return fisher(*active, *idle) if raises else fisher(*idle, *active)


def _significant(tried: Sequence[Confirmed], error: float) -> list[Confirmed]:
    """Those that stand, corrected for all places and lengths of pauses that were tried; the best first."""
    adjusted = [min(1.0, _LENGTHS * value) for value in holm([one.chance for one in tried])]
    return ranked([replace(one, chance=value) for one, value in zip(tried, adjusted, strict=True) if value <= error])


def ranked(lines: Sequence[Confirmed]) -> list[Confirmed]:
    """The best first: the clearest difference; of those in one function that differ no more than by chance, the last.

    A pause before a line is one behind all lines of the function before it: the last line at which it still matters is
    the one that comes too late. Where coroutines await each other, a pause at one is a pause at all of them: the one
    that goes on to write something comes first.
    """
    ordered = sorted(lines, key=lambda line: (-_difference(line), not line.place.writes))
    if ordered:
        alike = [line for line in ordered if not _is_clearly_less(line, ordered[0])]
        ordered.sort(key=lambda line: not (line in alike and line.place.writes))
    if not ordered:
        return []
    best = ordered[0]
    alike = [
        line
        for line in ordered
        if (line.place.file, line.place.function, line.raises) == (best.place.file, best.place.function, best.raises)
        and not _is_clearly_less(line, best)
    ]
    first = max(alike, key=lambda line: line.place.line)
    return [first, *(line for line in ordered if line is not first)]


def _difference(line: Confirmed) -> float:
    with_it = line.active_failures / max(1, line.active)
    without = line.idle_failures / max(1, line.idle)
    return abs(with_it - without)


def _is_clearly_less(line: Confirmed, best: Confirmed) -> bool:
    one, other = (line.active_failures, line.active), (best.active_failures, best.active)
    return (fisher(*other, *one) if best.raises else fisher(*one, *other)) < ERROR
