"""What is drawn, and what comes in an order that is: the seed, the hash seed, the order of a sum."""

from collections.abc import Sequence

from flakeproof.features.diagnose import observed_calls
from flakeproof.features.diagnose.code_hints import nearly_equal
from flakeproof.features.diagnose.evidence import ADDRESSES, Evidence, Factor
from flakeproof.features.diagnose.records import FOUND, Cause, CauseId, Status
from flakeproof.features.diagnose.report_numbers import again, compared
from flakeproof.features.diagnose.rules.common import Next, at_line, otherwise, refuted, unknown, used
from flakeproof.stats.intervals import clopper_pearson
from flakeproof.text import probability

_REPLAYED = 8
"""Trials that have to have run again under a seed that had failed before that tells anything against it."""
_HALF = 0.5
_DRIVERS = {
    CauseId.HASH_ORDER: "that of a set",
    CauseId.RANDOMNESS: "which is drawn at random",
    CauseId.THREAD_RACE: "that in which threads come",
    CauseId.ASYNC_RACE: "that in which tasks come",
}


def randomness(evidence: Evidence, following: Next) -> Cause:
    place = evidence.witnessed.places.get(observed_calls.RANDOM)
    factor = evidence.seeds
    status, said = _by_seed(evidence, "seeds", factor, "seeds")
    if status is Status.PROVEN:
        place = place or (evidence.witnessed.places.get(observed_calls.ENTROPY) if evidence.reseeded else None)
        statement = "What is drawn at random decides: the outcome follows the seed of the trial"
        if evidence.reseeded:
            said.append("with all that it draws drawn from that seed (--random-seed each)")
        return Cause(
            cause=CauseId.RANDOMNESS,
            status=status,
            statement=statement,
            place=place or evidence.flake.place if evidence.flake else place,
            evidence=[*said, *used("draws", place)],
            next=following.run("--random-seed each") if evidence.reseeded else following.replay,
        )
    entropy = evidence.witnessed.places.get(observed_calls.ENTROPY)
    if entropy is not None:
        use = evidence.witnessed.uses.get(observed_calls.ENTROPY, "")
        said.append(f"{at_line(entropy)} draws from a source that the seed does not reach ({use})")
        return unknown(
            CauseId.RANDOMNESS, "It draws numbers that no seed fixes; whether they matter is not known", said, following
        )
    if evidence.witnessed.looked and place is None and factor is not None:
        said.append("a trial that was watched has drawn nothing at random")
        status = Status.REFUTED
    return otherwise(CauseId.RANDOMNESS, status, "It does not follow the seed of the trial", said, following)


def hash_order(evidence: Evidence, following: Next) -> Cause:
    status, said = _by_seed(evidence, "hash seeds", evidence.hash_seeds, "hash seeds")
    if status is not Status.PROVEN:
        return otherwise(CauseId.HASH_ORDER, status, "It does not follow the hash seed", said, following)
    place = evidence.witnessed.places.get(observed_calls.SETS)
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


def addresses(evidence: Evidence, following: Next) -> Cause:
    counts = evidence.arm(ADDRESSES)
    for way in ("falls", "rises"):
        if evidence.is_significant(ADDRESSES, way):
            seen = evidence.witnessed.places
            place = seen.get(observed_calls.ADDRESS) or seen.get(observed_calls.SETS)
            if place is None and evidence.flake is not None:
                place = evidence.flake.place
            return Cause(
                cause=CauseId.ADDRESSES,
                status=Status.PROVEN,
                statement="Where objects lie in memory decides: sets of objects without a hash of their own, or `id`",
                place=place,
                evidence=[compared(evidence, ADDRESSES, way)],
                next=f"PYTHONHASHSEED=1 setarch -R {following.run('--isolation fresh -c 20')}",
            )
    said = [compared(evidence, ADDRESSES)] if counts.trials else []
    return unknown(CauseId.ADDRESSES, "Not shown, and not ruled out", said, following)


def _rate(failed: float, trials: int) -> float:
    return failed / max(1, trials)


def _by_seed(evidence: Evidence, name: str, factor: Factor | None, what: str) -> tuple[Status, list[str]]:
    """How it stands with what was repeated under the same seeds, and what is to be said of that."""
    if factor is None:
        return Status.UNKNOWN, []
    p = evidence.p(name, "differs")
    assert p is not None
    said = [f"{again(factor, what)} ({probability(p)})"]
    failed: float
    failed, trials = factor.again
    other_failed, other_trials = factor.others
    rate, other_rate = _rate(failed, trials), _rate(other_failed, other_trials)
    if evidence.is_significant(name, "differs") and (rate > other_rate or not other_trials):
        return Status.PROVEN, said
    if factor.is_clustered:  # the trials of a process are alike, for whatever reason
        failed, trials = factor.processes(had_failed=True)
        other_rate = _rate(*factor.processes(had_failed=False))
    if trials >= _REPLAYED and clopper_pearson(failed, trials).high < _HALF + other_rate / 2:
        return Status.REFUTED, said
    return Status.UNKNOWN, said


def float_order(evidence: Evidence, following: Next, causes: Sequence[Cause]) -> Cause:
    """Two sums that differ in their last digits, in an order that something of the others decides about."""
    assert evidence.flake is not None
    close = nearly_equal(evidence.flake.example.message)
    if close is None:
        said = ["the failure is not about two floats that differ only in their last digits"]
        return refuted(CauseId.FLOAT_ORDER, "It is not about rounding", said)
    said = [f"{close[0]} and {close[1]} differ only in their last digits"]
    drivers = [cause for cause in causes if cause.status in FOUND and cause.cause in _DRIVERS]
    if not drivers:
        return unknown(
            CauseId.FLOAT_ORDER,
            "Floats differ by rounding; what decides about their order is not known",
            said,
            following,
        )
    driver = drivers[0]
    return Cause(
        cause=CauseId.FLOAT_ORDER,
        status=driver.status,
        statement=f"Floats are added up in an order that is not fixed ({_DRIVERS[driver.cause]})",
        place=evidence.witnessed.places.get(observed_calls.SUMS) or driver.place,
        evidence=[*said, *driver.evidence],
        next=driver.next,
    )
