"""What the file system and the interpreter decide: the order of a folder, the moment at which garbage is collected."""

from flakeproof.features.diagnose import observed_calls
from flakeproof.features.diagnose.evidence import (
    COLLECTED,
    LISTED_OLDEST,
    LISTED_SHUFFLED,
    LISTED_SORTED,
    UNCOLLECTED,
    Evidence,
)
from flakeproof.features.diagnose.records import Cause, CauseId, Place, Status
from flakeproof.features.diagnose.report_numbers import compared
from flakeproof.features.diagnose.rules.common import Next, refuted, unknown, used

_AS_OFTEN = 0.5
"""Part of the rate of the control above which the whole interval lies where nothing was undone."""


def directory_order(evidence: Evidence, following: Next) -> Cause:
    """By name or by age, the order is a matter of the file system no more; shuffled, it is what it may be elsewhere."""
    place = evidence.witnessed.places.get(observed_calls.LISTING)
    shuffle = following.run("--directory-order shuffled")
    said = used("lists a folder", place)
    for name, way, statement in (
        (LISTED_SORTED, "falls", "it fails less often when folders are listed by name"),
        (LISTED_SORTED, "rises", "it fails more often when folders are listed by name"),
        (LISTED_OLDEST, "falls", "it fails less often when the oldest is listed first"),
        (LISTED_OLDEST, "rises", "it fails more often when the oldest is listed first"),
        (LISTED_SHUFFLED, "rises", "it fails more often when folders are listed shuffled"),
    ):
        if evidence.is_undone(name) if way == "falls" else evidence.is_significant(name, way):
            return _proven(
                CauseId.DIRECTORY_ORDER,
                f"The order in which a folder is listed decides: {statement}",
                place or _failing(evidence),
                [compared(evidence, name, way), *said],
                shuffle,
            )
    if evidence.witnessed.looked and place is None:
        seen = ["a trial that was watched has listed no folder"]
        return refuted(CauseId.DIRECTORY_ORDER, "It lists no folder", seen)
    if all(_undoes_nothing(evidence, name) for name in (LISTED_SORTED, LISTED_OLDEST)):
        told = [compared(evidence, name, "falls") for name in (LISTED_SORTED, LISTED_OLDEST)]
        return refuted(CauseId.DIRECTORY_ORDER, "In the order of the names, and by age, it fails as well", told)
    return unknown(CauseId.DIRECTORY_ORDER, "Not shown, and not ruled out", said, following)


def garbage(evidence: Evidence, following: Next) -> Cause:
    """Without collections, and with one at every allocation, which also takes time."""
    seen = evidence.witnessed
    place = seen.places.get(observed_calls.FINALISED) or _failing(evidence)
    for way, statement in (
        ("falls", "it fails less often while none is collected"),
        ("rises", "it fails more often while none is collected"),
    ):
        if evidence.is_undone(UNCOLLECTED) if way == "falls" else evidence.is_significant(UNCOLLECTED, way):
            option = "--gc 1" if way == "falls" else "--gc off"
            return _proven(
                CauseId.GARBAGE,
                f"When garbage is collected decides: {statement}",
                place,
                [compared(evidence, UNCOLLECTED, way), *_finalised(evidence)],
                following.run(option),
            )
    if evidence.is_significant(COLLECTED, "rises"):
        told = [compared(evidence, COLLECTED), *_finalised(evidence)]
        statement = "It fails more often when garbage is collected at every allocation"
        if observed_calls.FINALISED in seen.places:
            cause = _proven(CauseId.GARBAGE, statement, place, told, following.run("--gc 1"))
            return cause if not _is_of_time(evidence) else _only_supported(cause)
        return unknown(CauseId.GARBAGE, f"{statement}; so it may when anything takes longer", told, following)
    if _undoes_nothing(evidence, UNCOLLECTED):
        told = [compared(evidence, UNCOLLECTED, "falls")]
        return refuted(CauseId.GARBAGE, "While no garbage is collected it fails as well", told)
    return unknown(CauseId.GARBAGE, "Not shown, and not ruled out", [], following)


def _proven(cause: CauseId, statement: str, place: Place | None, said: list[str], command: str) -> Cause:
    return Cause(cause=cause, status=Status.PROVEN, statement=statement, place=place, evidence=said, next=command)


def _only_supported(cause: Cause) -> Cause:
    return Cause(
        cause=cause.cause,
        status=Status.SUPPORTED,
        statement=f"{cause.statement}; its timing may matter as well",
        place=cause.place,
        evidence=cause.evidence,
        next=cause.next,
    )


def _failing(evidence: Evidence) -> Place | None:
    return evidence.flake.place if evidence.flake is not None else None


def _finalised(evidence: Evidence) -> list[str]:
    place = evidence.witnessed.places.get(observed_calls.FINALISED)
    return used("is about when an object goes", place)


def _is_of_time(evidence: Evidence) -> bool:
    """Whether what takes longer may fail for that alone."""
    seen = evidence.witnessed
    late = evidence.flake is not None and evidence.flake.is_timeout
    return late or seen.timed or seen.several_threads or bool(seen.coroutines)


def _undoes_nothing(evidence: Evidence, name: str) -> bool:
    counts = evidence.arm(name)
    control = evidence.arm(counts.against)
    return bool(counts.trials and control.failed) and counts.interval.low >= _AS_OFTEN * control.rate
