"""Whether the trials of a run were independent: a pure function of what was counted. docs/dependence.md tells it.

| tested | with | not where |
|---|---|---|
| failures cluster on machines | parts of a merged run, as for processes | one part |
| failures cluster in processes | all that have an outcome, but none that may have ended its process | one process |
| failures come in bursts | trials in the order of their numbers, by runs and by neighbours | some have no outcome |
| the rate changed | the same | the failures decided about the end |

Nothing is tested with fewer than three failures, nor where a test is left out once it has failed, nor from a log that
has grown too large for each failure: there is no answer then, rather than a wrong one.
"""

from collections.abc import Iterator
from enum import StrEnum

from flakeproof.model import PROCESSES_PER_SHARD, Carrier, Isolation, PytestTarget, Record, RunSpec
from flakeproof.results.history import History
from flakeproof.stats import dispersion, order
from flakeproof.stats.tables import fisher_greater, holm

LEVEL = 0.01
"""Of all tests together: so often independent trials are called dependent, at most."""
_LEAST_FAILURES = 3
_STOPPED_TRIALS = 20
"""Trials per worker that a run must have had, when it ended early, for their order to be known well enough …"""
_STOPPED_SECONDS = 2.0
"""… and how long it must have taken: what processes were given last may not all have been started."""
_STOPPED_SHARE = 0.9
"""The part of them that is looked at then."""


class Aspect(StrEnum):
    """What a test of independence looks at."""

    MACHINE = "machine"
    """Failures per machine, of a run that was merged from parts: the same statistic as for processes."""
    PROCESS = "process"
    """Failures per process: sum of squares, exact or simulated."""
    RUNS = "runs"
    """Runs of failures and of passes, by Wald and Wolfowitz."""
    NEIGHBOURS = "neighbours"
    """Failures that follow a failure, by Fisher's exact test."""
    DRIFT = "drift"
    """The largest CUSUM, by permutation."""


class IndependenceTest(Record, frozen=True, kw_only=True):
    """One test of independence."""

    tested: Aspect
    p: float
    """Probability of at least what was seen, if the trials are independent."""
    adjusted: float
    """The p-value with Holm's correction for the number of tests."""


class ProcessCluster(Record, frozen=True, kw_only=True):
    """Failures cluster in processes; the one with the most beyond its share."""

    process: int
    failed: int
    trials: int
    others_failed: int
    others_trials: int
    processes: int
    z: float
    """Tarone's Z, for display."""
    correlation: float
    """Intraclass correlation."""


class MachineCluster(Record, frozen=True, kw_only=True):
    """Failures cluster on machines; the part with the most beyond its share."""

    part: int
    machine: str
    failed: int
    trials: int
    others_failed: int
    others_trials: int
    parts: int
    correlation: float
    """Intraclass correlation."""
    is_node: bool = False
    """Whether it is a node of a cluster, and not the machine of a part of a merged run."""


class Bursts(Record, frozen=True, kw_only=True):
    """Failures follow failures."""

    after_failed: int
    """Trials after a failed one …"""
    failed_after_failed: int
    """… and how many of them failed."""
    after_passed: int
    failed_after_passed: int


class RateChange(Record, frozen=True, kw_only=True):
    """The rate was another one before than after."""

    before: int
    """Trials before …"""
    failed_before: int
    """… and how many of them failed."""
    after: int
    failed_after: int


class Dependence(Record, frozen=True, kw_only=True):
    """What was tested of the independence of trials, and found."""

    dependent: bool
    """Whether any test says so, at `level`."""
    level: float
    """Probability to find something in independent trials."""
    tests: list[IndependenceTest]
    trials: int
    """Passed and failed."""
    effective: float
    """So many independent trials tell as much; all of them unless `dependent`."""
    isolation: Isolation
    process: ProcessCluster | None
    bursts: Bursts | None
    change: RateChange | None
    machine: MachineCluster | None = None
    """Of a merged run, and of one on a cluster."""


def examine(history: History) -> Dependence | None:
    """Test what can be tested; None where nothing can."""
    spec = history.spec
    if spec is None or spec.drop_failed or not history.places.complete:
        return None
    failed, passed = history.failed, history.passed
    if failed < _LEAST_FAILURES or not passed:
        return None
    groups = _processes(history, spec)
    places, reach = _in_order(history, spec)
    machines = _by_machine(groups) if spec.machines else {}
    tested = dict(_tests(groups, places, reach, spec))
    if (p := _clustering(machines, spec.seed)) is not None:
        tested[Aspect.MACHINE] = p
    if not tested:
        return None
    adjusted = holm(list(tested.values()))
    tests = [
        IndependenceTest(tested=name, p=p, adjusted=corrected)
        for (name, p), corrected in zip(tested.items(), adjusted, strict=True)
    ]
    found = {test.tested for test in tests if test.adjusted <= LEVEL}
    process = _cluster(groups) if Aspect.PROCESS in found else None
    bursts = _bursts(places, reach) if found & {Aspect.RUNS, Aspect.NEIGHBOURS} else None
    change = _change(places, reach, spec) if Aspect.DRIFT in found else None
    machine = _machine(machines, spec) if Aspect.MACHINE in found else None
    effects = [1.0]
    if machine is not None:
        effects.append(dispersion.design_effect(*_columns(machines)).design_effect)
    if process is not None:
        effects.append(dispersion.design_effect(*_columns(groups)).design_effect)
    if bursts is not None or change is not None:
        effects += _effects_in_time(places, reach)
    decided = failed + passed
    return Dependence(
        dependent=bool(found),
        level=LEVEL,
        tests=tests,
        trials=decided,
        effective=decided / min(max(effects), float(decided)),
        isolation=spec.isolation,
        process=process,
        bursts=bursts,
        change=change,
        machine=machine,
    )


_Groups = dict[int, tuple[int, int]]
"""Failures and trials of each process."""


def _processes(history: History, spec: RunSpec) -> _Groups:
    """What to compare processes by.

    Where trials share a process, what times out or crashes may end it, and so decides how many trials it has: each
    such process has but one, which is no chance. Without them the others are as random as before.
    """
    ends = spec.isolation is Isolation.SHARED
    groups = {
        number: (
            tally.failed + (0 if ends else tally.fatal),
            tally.passed + tally.failed + (0 if ends else tally.fatal),
        )
        for number, tally in history.places.processes.items()
    }
    return {number: group for number, group in groups.items() if group[1]}


def _by_machine(groups: _Groups) -> _Groups:
    """The processes of each part together, by its number from 1."""
    found: _Groups = {}
    for process, (failed, trials) in groups.items():
        part = process // PROCESSES_PER_SHARD + 1
        before = found.get(part, (0, 0))
        found[part] = before[0] + failed, before[1] + trials
    return found


def _in_order(history: History, spec: RunSpec) -> tuple[list[int], int]:
    """Places of the failures among the first trials, and how many trials that are; none where it is not known.

    The parts of a merged run went on side by side: their numbers are no order in time.
    """
    if spec.machines:
        return [], 0
    decided = history.failed + history.passed
    if decided != history.total:
        return [], 0
    reach = decided
    if history.stopped is not None:
        if decided < _STOPPED_TRIALS * spec.workers or history.elapsed < _STOPPED_SECONDS:
            return [], 0
        reach = int(_STOPPED_SHARE * decided)
    places = [number - spec.first + 1 for number in history.places.numbers]
    if places[0] < 1 or (history.stopped is None and places[-1] > decided) or len(set(places)) < len(places):
        return [], 0
    if (horizon := history.places.horizon) is not None:
        reach = min(reach, horizon - spec.first + 1)
    return [place for place in places if place <= reach], reach


def _tests(groups: _Groups, places: list[int], reach: int, spec: RunSpec) -> Iterator[tuple[Aspect, float]]:
    if (p := _clustering(groups, spec.seed)) is not None:
        yield Aspect.PROCESS, p
    if _LEAST_FAILURES <= len(places) < reach:
        yield Aspect.RUNS, order.few_runs(order.runs(places, reach), len(places), reach - len(places))
        yield Aspect.NEIGHBOURS, order.following(places, reach).p
        if spec.max_failures is None and spec.question is None:
            yield Aspect.DRIFT, order.drift(places, reach, spec.seed).p


def _clustering(groups: _Groups, seed: int) -> float | None:
    failures, trials = _columns(groups)
    if len(groups) < 2 or not _LEAST_FAILURES <= sum(failures) < sum(trials):
        return None
    return dispersion.clustering(failures, trials, seed)


def _columns(groups: _Groups) -> tuple[list[int], list[int]]:
    return [failed for failed, _ in groups.values()], [trials for _, trials in groups.values()]


def _worst(groups: _Groups) -> int:
    """The group with the most failures beyond its share."""
    failures, trials = _columns(groups)
    rate = sum(failures) / sum(trials)
    return max(groups, key=lambda number: groups[number][0] - rate * groups[number][1])


def _machine(groups: _Groups, spec: RunSpec) -> MachineCluster:
    failures, trials = _columns(groups)
    worst = _worst(groups)
    failed, of = groups[worst]
    return MachineCluster(
        part=worst,
        machine=spec.machines[worst - 1],
        failed=failed,
        trials=of,
        others_failed=sum(failures) - failed,
        others_trials=sum(trials) - of,
        parts=len(groups),
        correlation=dispersion.design_effect(failures, trials).correlation,
        is_node=spec.on is not None,
    )


def _cluster(groups: _Groups) -> ProcessCluster:
    failures, trials = _columns(groups)
    worst = _worst(groups)
    failed, of = groups[worst]
    return ProcessCluster(
        process=worst,
        failed=failed,
        trials=of,
        others_failed=sum(failures) - failed,
        others_trials=sum(trials) - of,
        processes=len(groups),
        z=dispersion.tarone(failures, trials),
        correlation=dispersion.design_effect(failures, trials).correlation,
    )


def _bursts(places: list[int], reach: int) -> Bursts:
    pairs = order.following(places, reach)
    return Bursts(
        after_failed=pairs.failed_after_failed + pairs.passed_after_failed,
        failed_after_failed=pairs.failed_after_failed,
        after_passed=pairs.failed_after_passed + pairs.passed_after_passed,
        failed_after_passed=pairs.failed_after_passed,
    )


def _change(places: list[int], reach: int, spec: RunSpec) -> RateChange:
    change = order.drift(places, reach, spec.seed)
    return RateChange(
        before=change.place,
        failed_before=change.failures,
        after=reach - change.place,
        failed_after=len(places) - change.failures,
    )


def _effects_in_time(places: list[int], reach: int) -> Iterator[float]:
    """Design effects: of stretches of the run, and of neighbours.

    Where only neighbours depend on each other, trials k apart correlate by r^k, and 1 + 2 (r + r^2 + ...) is
    (1 + r) / (1 - r).
    """
    yield dispersion.design_effect(*order.blocks(places, reach)).design_effect
    correlation = order.following(places, reach).correlation
    yield (1 + correlation) / (1 - correlation) if correlation < 1 else float(reach)


_NOT_LOOKED_FOR = "it was not looked for"
REPETITION_LEVEL = 0.05
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
    """Probability of such a difference by chance, corrected for the number of tests that failed.

    Above `REPETITION_LEVEL` for a test that failed in every later trial, and is too rare among so many: a hint then.
    """
    state: list[Carrier] = []  # noqa: RUF012 - a record copies it
    """What stays of it in the process, the likeliest first."""
    state_unknown: str = ""
    """Why `state` is empty, in words; "" if it is not."""


def repetition_in(history: History) -> list[Repetition]:
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
    corrected = holm(p_values)
    found = [
        Repetition(
            item=name,
            processes=item.first_passed,
            later=item.passed + item.failed - item.first_passed,
            later_failed=item.failed,
            alone=len(history.items) == 1,
            p=p,
            state=looked.state if (looked := history.state.get(name)) is not None else [],
            state_unknown=looked.unknown if looked is not None else _NOT_LOOKED_FOR,
        )
        for (name, item), p, own in zip(failed.items(), corrected, p_values, strict=True)
        if not item.first_failed
        and (p <= REPETITION_LEVEL or (own <= REPETITION_LEVEL and not item.passed - item.first_passed))
    ]
    return sorted(found, key=lambda one: -one.later_failed)
