"""A diagnosis from start to end: which experiment comes next, until it is known or the time is over."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from flakeproof.engine.execute import signals_stop
from flakeproof.engine.time_limits import Budget, hang_limit
from flakeproof.errors import CannotRunError, Stop, StoppedError
from flakeproof.features.diagnose.decision import is_settled
from flakeproof.features.diagnose.differences.explain import Explanation
from flakeproof.features.diagnose.evidence import (
    ALONE,
    CLOCK,
    COLLECTED,
    COMPANY,
    FRESH,
    GIVEN,
    LISTED_OLDEST,
    LISTED_SHUFFLED,
    LISTED_SORTED,
    MEASURED,
    MEASURED_MORE,
    PARALLEL,
    SHARED,
    UNCOLLECTED,
    Line,
    awaitable,
)
from flakeproof.features.diagnose.experiment_runner import Arm, BudgetSpent, Conduct, Laboratory, changed
from flakeproof.features.diagnose.experiments.again import run_again
from flakeproof.features.diagnose.experiments.alone import alone_spec, run_alone, run_given
from flakeproof.features.diagnose.experiments.amplify import run_provoked
from flakeproof.features.diagnose.experiments.company import narrow, run_company, victim_of
from flakeproof.features.diagnose.experiments.interventions import run_addresses, run_paused, run_pauses
from flakeproof.features.diagnose.experiments.isolate import run_by_itself, run_isolated
from flakeproof.features.diagnose.experiments.seeds import run_drawn, run_seeds
from flakeproof.features.diagnose.experiments.settings import (
    run_busy,
    run_clock,
    run_fresh,
    run_measured,
    run_parallel,
    run_patient,
    run_race,
    run_shared,
    run_standing_clock,
    search_line,
)
from flakeproof.features.diagnose.experiments.surroundings import run_awaited, run_collected, run_listed
from flakeproof.features.diagnose.experiments.traced import run_traced
from flakeproof.features.diagnose.experiments.watched import run_sanitized, watch
from flakeproof.features.diagnose.observed_calls import (
    ADDRESS,
    ENTROPY,
    EXECUTOR,
    FINALISED,
    HASH,
    LISTING,
    RANDOM,
    SETS,
    Witnessed,
    reads_at,
)
from flakeproof.features.diagnose.observed_calls import CLOCK as CLOCK_READ
from flakeproof.features.diagnose.outcomes import Tally
from flakeproof.features.diagnose.promising import (
    as_given_only,
    can_trace,
    causes,
    decided_by_seed,
    explaining,
    finalises,
    has_limits,
    in_company,
    lists,
    may_leave_something,
    measures_time,
    of_addresses,
    of_clock,
    of_copies,
    of_time,
    of_timing,
    waits_in_vain,
)
from flakeproof.features.diagnose.records import CauseId, Place
from flakeproof.features.diagnose.study import Study
from flakeproof.line_search.find_line import DelayFinding
from flakeproof.model import CallableTarget, Isolation, PytestTarget, RunSpec

_PROBE_SHARE = 0.25
_TELLING = 0.01


def investigate(
    spec: RunSpec,
    budget: Budget,
    conduct: Conduct,
    tell: Callable[[Laboratory, Arm], None],
    *,
    within: Sequence[str] = (),
    uses_given: bool,
    keeps_timeout: bool,
) -> Study:
    """Experiment within the budget, until the cause is known; a signal ends it early.

    `within` are the paths of the tests that pytest targets are run among. Raises UsageError or CannotRunError where
    the target cannot be run at all.
    """
    laboratory = Laboratory(spec, budget, conduct, tell)
    study = Study(laboratory, list(within), uses_given=uses_given, keeps_timeout=keeps_timeout)
    try:
        with signals_stop(_interrupt, once=True):
            try:
                _begin(study)
            except BudgetSpent:
                laboratory.notes.append("the time was over before it was seen how often it fails alone")
            else:
                _continue(study)
    except StoppedError as error:
        study.stopped = error.reason
    return study


def _interrupt(reason: Stop) -> None:
    """A signal between two runs."""
    raise StoppedError(reason.value)


def _begin(study: Study) -> None:
    """How often it fails: alone, and as it was given."""
    laboratory = study.laboratory
    probe = Tally()
    start = laboratory.budget.elapsed
    laboratory.run(probe, alone_spec(laboratory.given), seconds=laboratory.budget.share(_PROBE_SHARE), count=1)
    took = laboratory.budget.elapsed - start
    laboratory.start_up, laboratory.usual = max(0.0, took - probe.elapsed), probe.elapsed
    if not study.keeps_timeout:
        limit = hang_limit(probe.elapsed, laboratory.given.timeout)
        laboratory.given = changed(laboratory.given, timeout=limit, adapts_timeout=False)
    if study.uses_given:  # what is seen there is what there is to explain
        run_given(laboratory)
    study.had_company = len(probe.items) > 1
    if study.had_company and not narrow(laboratory):
        laboratory.notes.append(f"none of the {len(probe.items)} tests has failed among the others")
    run_alone(laboratory)


def _continue(study: Study) -> None:
    """One experiment after the other, until it is settled or the time is over."""
    laboratory = study.laboratory
    waiting = list(_STEPS)
    had_turns: set[str] = set()
    while waiting:
        if is_settled(causes(study), study.evidence):
            with suppress(BudgetSpent):
                _watch(study)
            return
        step = next((step for step in waiting if step.is_urgent(study)), waiting[0])
        waiting.remove(step)
        had_turns.add(step.name)
        try:
            step.make(study)
        except BudgetSpent:
            missed = dict.fromkeys(step.name for step in waiting if step.name not in had_turns)
            if missed:
                laboratory.notes.append(f"the time was over before: {', '.join(missed)}")
            return
        except CannotRunError as error:
            laboratory.notes.append(f"{step.name} could not be made: {error.message}")


def _seeds_if_drawn(study: Study) -> None:
    """Not yet where nothing was seen that hangs on a seed: what takes new processes takes time."""
    seen = study.witnessed
    drawn = any(kind in seen.places for kind in (RANDOM, ENTROPY, SETS, HASH, ADDRESS))
    if drawn or not seen.looked or study.evidence.arm(ALONE).correlation:
        _seeds(study)
    study.asked_seeds = True


def _seeds(study: Study) -> None:
    laboratory = study.laboratory
    if study.seeds is not None:
        return
    for source in (ALONE, GIVEN, PARALLEL, FRESH):
        if _has_seeds(laboratory, source) and 0 < laboratory.failed(source) < laboratory.tally(source).trials:
            found = run_seeds(laboratory, source)
            if found is not None:
                study.seeds, study.hash_seeds = found
                return


def _has_seeds(laboratory: Laboratory, source: str) -> bool:
    """Whether what a trial did follows from its seed, and not from what ran before it in its process."""
    spec = laboratory.tally(source).spec
    return source in (ALONE, FRESH) or (spec is not None and spec.isolation is Isolation.FORK)


def _drawn(study: Study) -> None:
    """Where it draws from a source that no seed reaches: all of it from the seed of the trial; those seeds again."""
    if ENTROPY not in study.witnessed.places or study.laboratory.flake is None or decided_by_seed(study):
        return
    found = run_drawn(study.laboratory)
    if found is not None and found[0].p < _TELLING:
        study.seeds, study.reseeded = found[0], True


def _watch(study: Study) -> None:
    seen = study.witnessed
    if not seen.looked or (study.laboratory.flake is not None and not seen.of_failures):
        study.witnessed = watch(study.laboratory)


def _sanitized(study: Study) -> None:
    study.sightings = run_sanitized(study.laboratory)


def _awaited(study: Study) -> None:
    """Where every failure leaves behind what nobody waits for: whether it fails as well when that has ended."""
    if study.laboratory.flake is not None:
        run_awaited(study.laboratory, study.sightings)


def _listed(study: Study) -> None:
    """Where it lists a folder: whether it does so as well, or only, in another order."""
    laboratory = study.laboratory
    if LISTING not in study.witnessed.places or decided_by_seed(study):
        return
    if laboratory.failed(ALONE) and laboratory.flake is not None:
        run_listed(laboratory, LISTED_SORTED)
        if not any(study.evidence.is_significant(LISTED_SORTED, way) for way in ("falls", "rises")):
            run_listed(laboratory, LISTED_OLDEST)  # names may be drawn
    else:
        run_listed(laboratory, LISTED_SHUFFLED)


def _collected(study: Study) -> None:
    """Where it has what goes when garbage is collected, or no cause is known: none, and some all the time."""
    laboratory = study.laboratory
    if decided_by_seed(study) or (FINALISED not in study.witnessed.places and explaining(study)):
        return
    if laboratory.failed(ALONE) and laboratory.flake is not None:
        run_collected(laboratory, UNCOLLECTED)
        if any(study.evidence.is_significant(UNCOLLECTED, way) for way in ("falls", "rises")):
            return
    if FINALISED in study.witnessed.places:
        run_collected(laboratory, COLLECTED)


def _again(study: Study) -> None:
    """Where it does not fail by itself: whether it does when it has run before, and what stays of that."""
    laboratory = study.laboratory
    if laboratory.failed(ALONE) and laboratory.flake is not None:
        return
    study.repeated = run_again(laboratory)
    if study.repeated is not None and study.repeated.later[0] and not study.repeated.first[0] and victim_of(laboratory):
        study.itself = run_by_itself(laboratory)


def _company(study: Study) -> None:
    """Only where it matters: what fails alone now and then needs nobody."""
    laboratory = study.laboratory
    alone = laboratory.tally(ALONE)
    always = alone.failed(laboratory.flake) == alone.trials
    if COMPANY not in laboratory.arms and victim_of(laboratory) and (always or not laboratory.failed(ALONE)):
        study.has_company = run_company(laboratory, study.within)


def _shared(study: Study) -> None:
    """Not for tests of pytest, which are made to run once in a process, unless that is how they have failed."""
    laboratory = study.laboratory
    if SHARED not in laboratory.arms and (
        isinstance(laboratory.given.target, CallableTarget)
        or (laboratory.given.isolation is Isolation.SHARED and as_given_only(study))
    ):
        run_shared(laboratory)


def _fresh(study: Study) -> None:
    if study.laboratory.flake is None and isinstance(study.laboratory.given.target, CallableTarget | PytestTarget):
        run_fresh(study.laboratory)


def _isolated(study: Study) -> None:
    """Only where company makes a difference."""
    if in_company(study):
        study.polluters = run_isolated(study.laboratory)


def _race(study: Study) -> None:
    """Not where there is nothing to race."""
    if study.may_race:
        run_race(study.laboratory)


def _clock(study: Study) -> None:
    """Not where nobody looks at it."""
    if not study.witnessed.looked or CLOCK_READ in study.witnessed.places:
        run_clock(study.laboratory)
        if study.laboratory.failed(ALONE) and not study.evidence.is_significant(CLOCK, "rises"):
            run_standing_clock(study.laboratory)


def _measured(study: Study) -> None:
    """Where it fails and measures time: whether it does so when less of it, or more, is measured."""
    if measures_time(study):
        by_date = "date" in study.witnessed.uses.get(CLOCK_READ, "")
        run_measured(study.laboratory, MEASURED, by_date=by_date)
        if study.evidence.is_significant(MEASURED, "rises"):
            run_measured(study.laboratory, MEASURED_MORE, by_date=by_date)


def _patient(study: Study) -> None:
    """Where it fails and waits with a time limit: whether it does so as well when it may wait for longer."""
    if has_limits(study):
        run_patient(study.laboratory)


def _line(study: Study) -> None:
    """Where no cause is known, or a race without its line; not for what a pause anywhere makes fail: a time limit."""
    flake = study.laboratory.flake
    others = {cause.cause for cause in explaining(study)} - _RACING
    too_late = flake is not None and flake.is_timeout and not study.evidence.outlasts_limits
    if flake is None or too_late or others or study.line is not None:
        return
    if study.may_race or CLOCK_READ in study.witnessed.places:
        found = search_line(study.laboratory)
        if found is not None:
            study.line = _as_evidence(found, study.witnessed)


def _met(study: Study) -> None:
    """Where nothing has failed so far and threads or tasks meet: whether a pause there makes it fail."""
    laboratory, seen = study.laboratory, study.witnessed
    if laboratory.flake is not None or not seen.looked or not study.may_race:
        return
    found = search_line(laboratory, only_where_met=True)
    if found is not None and found.line is not None:
        run_paused(laboratory, found.line)
        if laboratory.flake is not None:
            study.line = _as_evidence(found, seen)


def _as_evidence(found: DelayFinding, seen: Witnessed) -> Line | None:
    """The best line; one in a coroutine before others, where tasks are what there is to race."""
    if found.line is None:
        return None
    of_tasks = bool(seen.coroutines) and not seen.own_threads
    lines = sorted(found.lines, key=lambda line: of_tasks and (line.file, line.function) not in seen.coroutines)
    best = lines[0]
    place = Place(file=best.file, line=best.line, function=best.function)
    in_coroutine = (best.file, best.function) in seen.coroutines
    if of_tasks and not in_coroutine:
        place = seen.places.get(EXECUTOR, place)  # who has it run in a thread of the loop is who does not wait for it
    return Line(place=place, text=best.sentence, in_coroutine=in_coroutine or of_tasks, option=best.option)


def _provoked(study: Study) -> None:
    """Where no cause is known: what is not tried by itself before may matter, and what acts together."""
    if study.searched:
        return
    if not explaining(study):
        study.searched = True
        study.provocation = run_provoked(study.laboratory)


def _traced(study: Study) -> None:
    """Where it fails now and then: what failing tests did that passing ones did not."""
    if not study.differences:
        study.differences = [_with_world(one, study.witnessed) for one in run_traced(study.laboratory)]


def _with_world(found: Explanation, seen: Witnessed) -> Explanation:
    """`found`, and what its line reads of the world, if anything was seen."""
    reads = reads_at(seen, found.file, found.line)
    return replace(found, text=f"{found.text}; that line {reads}") if reads else found


def _addresses(study: Study) -> None:
    """Where what a process fixes once decides, and it is no hash seed; or where addresses are asked for."""
    fails = 0 < study.laboratory.failed(ALONE) < study.laboratory.tally(ALONE).trials
    seen = study.witnessed.places
    asked = ADDRESS in seen or SETS in seen or HASH in seen
    if fails and not decided_by_seed(study) and (asked or study.evidence.arm(ALONE).correlation):
        run_addresses(study.laboratory)


def _paused(study: Study) -> None:
    """Where recorded trials differ: whether a pause there brings the failure about."""
    if study.differences and study.line is None and study.paused is None and not decided_by_seed(study):
        found = run_pauses(study.laboratory, study.differences, study.witnessed)
        if found is not None and (study.may_race or CLOCK_READ in study.witnessed.places) and not of_time(study):
            study.line = found
        study.paused = found


def _unseen(study: Study) -> None:
    """Where nothing has failed so far: first whatever makes it fail, then why."""
    if study.laboratory.flake is None:
        _provoked(study)


_RACING = {CauseId.THREAD_RACE, CauseId.ASYNC_RACE, CauseId.FLOAT_ORDER, CauseId.CLOCK, CauseId.DIFFERENCE}


@dataclass(frozen=True)
class _Step:
    """An experiment, or several of a kind."""

    name: str
    make: Callable[[Study], None]
    is_urgent: Callable[[Study], bool] = lambda study: False
    """Whether what is known makes it the most promising one."""


_STEPS = (
    _Step("a look at what it calls", _watch, lambda study: True),
    _Step("the time that it measures", _measured, lambda study: measures_time(study) and study.witnessed.of_failures),
    _Step("seeds again", _seeds_if_drawn),
    _Step("longer time limits", _patient, lambda study: has_limits(study) and study.witnessed.of_failures),
    _Step("what is drawn, from a seed", _drawn, lambda study: study.asked_seeds and ENTROPY in study.witnessed.places),
    _Step("the same addresses", _addresses, of_addresses),
    _Step("another order of folders", _listed, lists),
    _Step("garbage collection", _collected, finalises),
    _Step("pauses at lines", _line, waits_in_vain),
    _Step("the same process again", _again, lambda study: not study.laboratory.failed(ALONE)),
    _Step("company", _company),
    _Step("the sanitizers", _sanitized, may_leave_something),
    _Step("what is left behind, waited for", _awaited, lambda study: bool(awaitable(study.sightings))),
    _Step("isolation of other tests", _isolated, in_company),
    _Step("failing and passing tests side by side", _traced, can_trace),
    _Step("a pause where they differ", _paused, lambda study: bool(study.differences)),
    _Step("copies beside it", lambda study: run_parallel(study.laboratory), of_copies),
    _Step("one process for all", _shared, as_given_only),
    _Step("a busy machine", lambda study: run_busy(study.laboratory), of_time),
    _Step("other times of day", _clock, of_clock),
    _Step("pauses where threads and tasks meet", _met, of_timing),
    _Step("pauses at lines", _line, of_timing),
    _Step("races", _race, of_timing),
    _Step("a search among all perturbations", _unseen),
    _Step("new interpreters", _fresh),
    _Step("a search among all perturbations", _provoked),
    _Step("failing and passing tests side by side", _traced),
    _Step("a pause where they differ", _paused),
    _Step("seeds again", _seeds),
    _Step("a look at what it calls", _watch),
    _Step("pauses at lines", _line),
)
"""Those first that show the commonest causes at the least cost."""
