"""What follows from the evidence: how each cause stands. The table is in docs/diagnose.md."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flakeproof.diagnosing import witnessed
from flakeproof.diagnosing.evidence import Evidence, Factor, Sighting
from flakeproof.diagnosing.experiments.names import (
    ALONE,
    BUSY,
    CLOCK,
    COMPANY,
    GIVEN,
    PARALLEL,
    RACE,
    SHARED,
    SHUFFLED,
)
from flakeproof.diagnosing.floats import nearly_equal
from flakeproof.diagnosing.model import Cause, CauseId, Place, Status
from flakeproof.diagnosing.wording import again, arm, compared
from flakeproof.stats.proportion import clopper_pearson
from flakeproof.text import probability

_REPLAYED = 8
"""Trials that have to have run again under a seed that had failed before that tells anything against it."""
_HALF = 0.5


@dataclass(frozen=True)
class Next:
    """Commands that take a cause further; made where it is known how this program is called, and for what."""

    run: Callable[[str], str]
    """The command that runs the target with these options."""
    longer: str
    """The one that diagnoses it again with more time."""
    replay: str = ""
    """The one that repeats one trial that failed; empty without one."""
    isolate: str = ""
    """The one that looks for a polluter; empty where there is no test of pytest."""
    hash_seed: str = ""
    """A hash seed under which it failed."""


def decide(evidence: Evidence, following: Next) -> list[Cause]:
    """How each cause stands, best first. Without a failure only what sanitizers have found."""
    causes = [rule(evidence, following) for rule in _RULES]
    if evidence.flake is None:
        return [
            cause for cause in causes if cause.cause in _SIGHTED and cause.status is Status.UNKNOWN and cause.evidence
        ]
    causes.append(_float_order(evidence, following, causes))
    return sorted(causes, key=lambda cause: _rank(cause, evidence))


def is_settled(causes: Sequence[Cause], evidence: Evidence) -> bool:
    """Whether no further experiment can add to it: what was found decides about each single trial."""
    found = {cause.cause for cause in causes if cause.status is Status.SUPPORTED}
    if CauseId.RANDOMNESS in found and evidence.seeds is not None:
        return evidence.seeds.is_decisive
    if CauseId.HASH_ORDER in found and evidence.hash_seeds is not None:
        return evidence.hash_seeds.is_decisive
    if CauseId.ORDER_POLLUTER in found or CauseId.ORDER_BRITTLE in found:
        return evidence.polluters is not None and evidence.polluters.confirmed
    return CauseId.DESCRIPTOR_MISUSE in found


def _randomness(evidence: Evidence, following: Next) -> Cause:
    place = evidence.witnessed.places.get(witnessed.RANDOM)
    factor = evidence.seeds
    status, said = _by_seed(evidence, "seeds", factor, "seeds")
    if status is Status.SUPPORTED:
        statement = "What is drawn at random decides: the outcome follows the seed of the trial"
        return Cause(
            cause=CauseId.RANDOMNESS,
            status=status,
            statement=statement,
            place=place or evidence.flake.place if evidence.flake else place,
            evidence=[*said, *_used("draws", place)],
            next=following.replay,
        )
    entropy = evidence.witnessed.places.get(witnessed.ENTROPY)
    if entropy is not None:
        use = evidence.witnessed.uses.get(witnessed.ENTROPY, "")
        said.append(f"{_at(entropy)} draws from a source that the seed does not reach ({use})")
        return _unknown(
            CauseId.RANDOMNESS, "It draws numbers that no seed fixes; whether they matter is not known", said, following
        )
    if evidence.witnessed.looked and place is None and factor is not None:
        said.append("a trial that was watched has drawn nothing at random")
        status = Status.REFUTED
    return _otherwise(CauseId.RANDOMNESS, status, "It does not follow the seed of the trial", said, following)


def _hash_order(evidence: Evidence, following: Next) -> Cause:
    status, said = _by_seed(evidence, "hash seeds", evidence.hash_seeds, "hash seeds")
    if status is not Status.SUPPORTED:
        return _otherwise(CauseId.HASH_ORDER, status, "It does not follow the hash seed", said, following)
    place = evidence.witnessed.places.get(witnessed.SETS)
    if place is None and evidence.flake is not None:
        place = evidence.flake.place
    command = f"PYTHONHASHSEED={following.hash_seed} {following.run('-c 20')}" if following.hash_seed else ""
    return Cause(
        cause=CauseId.HASH_ORDER,
        status=status,
        statement="The order of a set decides: the outcome follows PYTHONHASHSEED",
        place=place,
        evidence=said,
        next=command,
    )


def _by_seed(evidence: Evidence, name: str, factor: Factor | None, what: str) -> tuple[Status, list[str]]:
    """How it stands with what was repeated under the same seeds, and what is to be said of that."""
    if factor is None:
        return Status.UNKNOWN, []
    p = evidence.p(name, "differs")
    assert p is not None
    said = [f"{again(factor, what)}; {probability(p)} after correction for {evidence.comparisons} comparisons"]
    failed, trials = factor.again
    other_failed, other_trials = factor.others
    rate, other_rate = failed / max(1, trials), other_failed / max(1, other_trials)
    if evidence.is_significant(name, "differs") and (rate > other_rate or not other_trials):
        return Status.SUPPORTED, said
    if trials >= _REPLAYED and clopper_pearson(failed, trials).high < _HALF + other_rate / 2:
        return Status.REFUTED, said
    return Status.UNKNOWN, said


def _polluter(evidence: Evidence, following: Next) -> Cause:
    found = evidence.polluters
    fell = [compared(evidence, name) for name in (COMPANY, SHUFFLED) if evidence.is_significant(name, "rises")]
    if found is not None and found.confirmed and not found.is_brittle:
        return Cause(
            cause=CauseId.ORDER_POLLUTER,
            status=Status.SUPPORTED,
            statement=f"{' and '.join(found.names)} leaves something behind that makes it fail",
            place=evidence.polluter_place,
            evidence=[found.text, *found.carriers, *fell],
            next=found.command,
        )
    alone = evidence.arm(ALONE)
    if fell:
        statement = "Another test leaves something behind that makes it fail"
        return Cause(
            cause=CauseId.ORDER_POLLUTER,
            status=Status.SUPPORTED,
            statement=statement,
            evidence=[arm(evidence, ALONE), *fell],
            next=following.isolate,
        )
    if alone.failed:
        said = [f"{arm(evidence, ALONE)}: no other test is needed"]
        return _refuted(CauseId.ORDER_POLLUTER, "It fails by itself", said)
    return _by_absence(evidence, CauseId.ORDER_POLLUTER, (COMPANY, SHUFFLED), "No other test makes it fail", following)


def _brittle(evidence: Evidence, following: Next) -> Cause:
    found = evidence.polluters
    falls = [compared(evidence, name, "falls") for name in (COMPANY,) if evidence.is_significant(name, "falls")]
    if falls:
        who = f": {' and '.join(found.names)}" if found is not None and found.is_brittle and found.names else ""
        return Cause(
            cause=CauseId.ORDER_BRITTLE,
            status=Status.SUPPORTED,
            statement=f"It needs another test to have run before{who}",
            place=evidence.flake.place if evidence.flake is not None else None,
            evidence=[arm(evidence, ALONE), *falls, *([found.text] if found is not None else [])],
            next=found.command if found is not None else following.isolate,
        )
    alone = evidence.arm(ALONE)
    if alone.trials and alone.failed < alone.trials:
        passes = alone.trials - alone.failed
        said = [f"{alone.setting}: {passes} of {alone.trials} did not fail so: no other test is needed to pass"]
        return _refuted(CauseId.ORDER_BRITTLE, "It passes by itself", said)
    return _by_absence(evidence, CauseId.ORDER_BRITTLE, (COMPANY,), "Other tests do not help it", following)


def _contention(evidence: Evidence, following: Next) -> Cause:
    busy = evidence.is_significant(BUSY, "rises")
    if evidence.is_significant(PARALLEL, "rises"):
        said = [arm(evidence, ALONE), compared(evidence, PARALLEL)]
        tells = evidence.flake is not None and evidence.flake.is_of_places
        if busy and not tells:
            said.append(f"but so does a busy machine: {arm(evidence, BUSY)}")
            return _unknown(
                CauseId.CONTENTION, "Copies beside it raise the rate, and so does load alone", said, following
            )
        if evidence.arm(BUSY).trials:
            said.append(arm(evidence, BUSY))
        place, what = _disputed(evidence)
        return Cause(
            cause=CauseId.CONTENTION,
            status=Status.SUPPORTED,
            statement=f"Runs beside each other compete for something outside of the process{what}",
            place=place,
            evidence=said,
            next=following.run("--isolation fork -w 8"),
        )
    if evidence.arm(ALONE).failed and evidence.arm(PARALLEL).trials:
        said = [arm(evidence, ALONE), compared(evidence, PARALLEL)]
        if evidence.arm(PARALLEL).interval.high < 2 * evidence.arm(ALONE).rate:
            return _refuted(CauseId.CONTENTION, "It fails by itself, and copies beside it make it no worse", said)
        return _unknown(CauseId.CONTENTION, "Copies beside it did not raise the rate clearly", said, following)
    return _by_absence(evidence, CauseId.CONTENTION, (PARALLEL,), "Copies beside it do it no harm", following)


def _disputed(evidence: Evidence) -> tuple[Place | None, str]:
    """The line that reaches for what several want, and that thing."""
    flake = evidence.flake
    assert flake is not None
    outside = evidence.witnessed.places.get(witnessed.OUTSIDE)
    use = evidence.witnessed.uses.get(witnessed.OUTSIDE, "")
    what = f": {use}" if use else f" ({flake.errno})" if flake.errno else ""
    return (flake.place if flake.is_of_places or outside is None else outside), what


def _load(evidence: Evidence, following: Next) -> Cause:
    flake = evidence.flake
    rises = evidence.is_significant(BUSY, "rises")
    limit = flake is not None and (flake.is_timeout or evidence.witnessed.timed)
    if rises:
        said = [arm(evidence, ALONE), compared(evidence, BUSY)]
        if limit:
            place = flake.place if flake is not None else None
            return Cause(
                cause=CauseId.LOAD,
                status=Status.SUPPORTED,
                statement="A time limit is too short for a busy machine",
                place=place,
                evidence=said,
                next=following.run("-w 1 --noise cpu=6"),
            )
        return _unknown(
            CauseId.LOAD, "A busy machine raises the rate: timing matters, but no time limit was seen", said, following
        )
    alone, busy = evidence.arm(ALONE), evidence.arm(BUSY)
    if alone.failed and busy.trials and busy.interval.high < 2 * alone.rate:
        return _refuted(
            CauseId.LOAD, "A busy machine makes it no worse", [arm(evidence, ALONE), compared(evidence, BUSY)]
        )
    return _by_absence(evidence, CauseId.LOAD, (BUSY,), "A busy machine does it no harm", following)


def _clock(evidence: Evidence, following: Next) -> Cause:
    place = evidence.witnessed.places.get(witnessed.CLOCK)
    if evidence.is_significant(CLOCK, "rises"):
        where = place or (evidence.flake.place if evidence.flake is not None else None)
        return Cause(
            cause=CauseId.CLOCK,
            status=Status.SUPPORTED,
            statement="The time of day decides",
            place=where,
            evidence=[arm(evidence, ALONE), compared(evidence, CLOCK), *_used("reads the time", place)],
            next=following.run("--clock boundaries"),
        )
    if evidence.witnessed.looked and place is None:
        said = ["a trial that was watched has not read the time of day"]
        return _refuted(CauseId.CLOCK, "It does not know the time of day", said)
    cause = _by_absence(evidence, CauseId.CLOCK, (CLOCK,), "Other times of day do it no harm", following)
    return cause if place is None else _with(cause, f"{_at(place)} reads the time of day")


def _thread_race(evidence: Evidence, following: Next) -> Cause:
    line = evidence.line
    if line is not None and not line.in_coroutine:
        return _raced(CauseId.THREAD_RACE, "Threads come in an order that is not fixed", evidence, following)
    if evidence.witnessed.looked and not evidence.witnessed.several_threads:
        said = ["a trial that was watched has run all of its code in one thread"]
        return _refuted(CauseId.THREAD_RACE, "It has but one thread", said)
    if line is None and evidence.is_significant(RACE, "rises") and evidence.witnessed.several_threads:
        return _raced(CauseId.THREAD_RACE, "Threads come in an order that is not fixed", evidence, following)
    return _timing(evidence, CauseId.THREAD_RACE, following)


def _async_race(evidence: Evidence, following: Next) -> Cause:
    if evidence.line is not None and evidence.line.in_coroutine:
        return _raced(CauseId.ASYNC_RACE, "Tasks come in an order that is not fixed", evidence, following)
    if evidence.witnessed.looked and not evidence.witnessed.coroutines:
        said = ["a trial that was watched has run no coroutine"]
        return _refuted(CauseId.ASYNC_RACE, "It has no tasks", said)
    return _timing(evidence, CauseId.ASYNC_RACE, following)


def _raced(cause: CauseId, statement: str, evidence: Evidence, following: Next) -> Cause:
    line = evidence.line
    said = [arm(evidence, ALONE)]
    if evidence.is_significant(RACE, "rises"):
        said.append(compared(evidence, RACE))
    if line is not None:
        said.append(line.text)
    place = line.place if line is not None else evidence.flake.place if evidence.flake is not None else None
    command = following.run(line.option if line is not None else "--race")
    return Cause(cause=cause, status=Status.SUPPORTED, statement=statement, place=place, evidence=said, next=command)


def _timing(evidence: Evidence, cause: CauseId, following: Next) -> Cause:
    said = [compared(evidence, name) for name in (RACE, BUSY) if evidence.is_significant(name, "rises")]
    if said:
        return _unknown(cause, "Its timing matters; no line was found at which a pause decides", said, following)
    return _by_absence(evidence, cause, (RACE,), "Other orders do it no harm", following)


def _descriptors(evidence: Evidence, following: Next) -> Cause:
    seen = [sighting for sighting in evidence.sightings if sighting.sanitizer == "descriptors"]
    return _sighted(
        evidence, CauseId.DESCRIPTOR_MISUSE, seen, following, "A descriptor is mishandled", "--sanitize descriptors"
    )


def _leaked_work(evidence: Evidence, following: Next) -> Cause:
    seen = [one for one in evidence.sightings if one.sanitizer == "leaks" and one.kind in WORK]
    return _sighted(evidence, CauseId.LEAKED_WORK, seen, following, "Work goes on after the trial", "--sanitize leaks")


def _leaked_resource(evidence: Evidence, following: Next) -> Cause:
    seen = [one for one in evidence.sightings if one.sanitizer == "leaks" and one.kind not in WORK]
    return _sighted(
        evidence, CauseId.LEAKED_RESOURCE, seen, following, "Something stays open after the trial", "--sanitize leaks"
    )


WORK = frozenset({"thread", "task", "timer", "loop"})
"""Kinds of leaks that go on to do something."""


def _sighted(
    evidence: Evidence, cause: CauseId, seen: Sequence[Sighting], following: Next, statement: str, option: str
) -> Cause:
    """A cause that a sanitizer sees with its own eyes; that it has to do with the failure is another matter."""
    if not seen:
        if evidence.sanitized:
            return _refuted(cause, f"{statement}: not seen", ["the sanitizer has watched, and seen nothing of it"])
        return _unknown(cause, f"{statement}: not looked for", [], following)
    first = seen[0]
    said = [f"{one.text} (in {one.in_failures} trials that failed and {one.in_passes} that passed)" for one in seen[:3]]
    flake = evidence.flake
    fits = flake is not None and (
        flake.is_of_descriptors
        if cause is CauseId.DESCRIPTOR_MISUSE
        else evidence.is_significant(SHARED, "rises") or evidence.is_significant(GIVEN, "rises")
    )
    if fits and cause is not CauseId.DESCRIPTOR_MISUSE:
        said += [compared(evidence, name) for name in (SHARED, GIVEN) if evidence.is_significant(name, "rises")]
    return Cause(
        cause=cause,
        status=Status.SUPPORTED if fits else Status.UNKNOWN,
        statement=statement if fits else f"{statement}; that it has to do with the failure is not shown",
        place=first.place,
        evidence=said,
        next=following.run(option),
    )


def _float_order(evidence: Evidence, following: Next, causes: Sequence[Cause]) -> Cause:
    """Two sums that differ in their last digits, in an order that something of the others decides about."""
    assert evidence.flake is not None
    close = nearly_equal(evidence.flake.example.message)
    if close is None:
        said = ["the failure is not about two floats that differ only in their last digits"]
        return _refuted(CauseId.FLOAT_ORDER, "It is not about rounding", said)
    said = [f"{close[0]} and {close[1]} differ only in their last digits"]
    drivers = [cause for cause in causes if cause.status is Status.SUPPORTED and cause.cause in _DRIVERS]
    if not drivers:
        return _unknown(
            CauseId.FLOAT_ORDER,
            "Floats differ by rounding; what decides about their order is not known",
            said,
            following,
        )
    driver = drivers[0]
    return Cause(
        cause=CauseId.FLOAT_ORDER,
        status=Status.SUPPORTED,
        statement=f"Floats are added up in an order that is not fixed ({_DRIVERS[driver.cause]})",
        place=driver.place,
        evidence=[*said, *driver.evidence],
        next=driver.next,
    )


_DRIVERS = {
    CauseId.HASH_ORDER: "that of a set",
    CauseId.RANDOMNESS: "which is drawn at random",
    CauseId.THREAD_RACE: "that in which threads come",
    CauseId.ASYNC_RACE: "that in which tasks come",
}


def _by_absence(evidence: Evidence, cause: CauseId, names: Sequence[str], statement: str, following: Next) -> Cause:
    """Refuted where an experiment would have shown the flake and did not; unknown where none was made or could."""
    made = [name for name in names if evidence.arm(name).trials]
    said = [arm(evidence, name) for name in made]
    if made and all(evidence.would_have_shown(name) for name in made):
        return _refuted(cause, statement, said)
    return _unknown(cause, "Not shown, and not ruled out", said, following)


def _otherwise(cause: CauseId, status: Status, statement: str, said: list[str], following: Next) -> Cause:
    if status is Status.REFUTED:
        return _refuted(cause, statement, said)
    return _unknown(cause, "Not shown, and not ruled out", said, following)


def _refuted(cause: CauseId, statement: str, said: list[str]) -> Cause:
    return Cause(cause=cause, status=Status.REFUTED, statement=statement, evidence=said)


def _unknown(cause: CauseId, statement: str, said: list[str], following: Next) -> Cause:
    return Cause(cause=cause, status=Status.UNKNOWN, statement=statement, evidence=said, next=following.longer)


def _with(cause: Cause, said: str) -> Cause:
    import msgspec

    return msgspec.structs.replace(cause, evidence=[*cause.evidence, said])


def _at(place: Place) -> str:
    return f"{place.file}:{place.line}"


def _used(verb: str, place: Place | None) -> list[str]:
    return [] if place is None else [f"{_at(place)} in {place.function} {verb}"]


_RULES: Sequence[Callable[[Evidence, Next], Cause]] = (
    _polluter,
    _brittle,
    _descriptors,
    _contention,
    _randomness,
    _hash_order,
    _thread_race,
    _async_race,
    _leaked_work,
    _leaked_resource,
    _clock,
    _load,
)
"""In the order of how often each is the cause in Python, as far as that is known (Gruber et al., ICST 2021)."""
_SIGHTED = (CauseId.DESCRIPTOR_MISUSE, CauseId.LEAKED_WORK, CauseId.LEAKED_RESOURCE)
_STANDING = {Status.SUPPORTED: 0, Status.UNKNOWN: 1, Status.REFUTED: 2}
_PRIOR = [
    CauseId.FLOAT_ORDER,
    CauseId.DESCRIPTOR_MISUSE,
    CauseId.ORDER_POLLUTER,
    CauseId.ORDER_BRITTLE,
    CauseId.THREAD_RACE,
    CauseId.ASYNC_RACE,
    CauseId.CONTENTION,
    CauseId.RANDOMNESS,
    CauseId.HASH_ORDER,
    CauseId.CLOCK,
    CauseId.LEAKED_WORK,
    CauseId.LEAKED_RESOURCE,
    CauseId.LOAD,
]


def _rank(cause: Cause, evidence: Evidence) -> tuple[int, int, int]:
    told = cause.status is Status.UNKNOWN and not cause.evidence
    return _STANDING[cause.status], int(told), _PRIOR.index(cause.cause)
