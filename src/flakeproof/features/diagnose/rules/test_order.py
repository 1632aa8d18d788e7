"""Other tests of pytest: one that leaves something behind, or one that is needed."""

from flakeproof.features.diagnose.evidence import AGAIN, ALONE, COMPANY, SHUFFLED, Evidence
from flakeproof.features.diagnose.records import Cause, CauseId, Status
from flakeproof.features.diagnose.report_numbers import arm, compared
from flakeproof.features.diagnose.rules.common import Next, by_absence, refuted
from flakeproof.text import number


def polluter(evidence: Evidence, following: Next) -> Cause:
    found = evidence.polluters
    fell = [compared(evidence, name) for name in (COMPANY, SHUFFLED) if evidence.is_significant(name, "rises")]
    if found is not None and found.confirmed and not found.is_brittle:
        return Cause(
            cause=CauseId.ORDER_POLLUTER,
            status=Status.PROVEN,
            statement=f"{' and '.join(found.names)} leaves something behind that makes it fail",
            place=found.place,
            evidence=[found.text, *found.carriers, *fell],
            next=following.words(found.command),
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
        return refuted(CauseId.ORDER_POLLUTER, "It fails by itself", said)
    return by_absence(evidence, CauseId.ORDER_POLLUTER, (COMPANY, SHUFFLED), "No other test makes it fail", following)


def brittle(evidence: Evidence, following: Next) -> Cause:
    found = evidence.polluters
    falls = [compared(evidence, name, "falls") for name in (COMPANY,) if evidence.is_significant(name, "falls")]
    if falls:
        who = f": {' and '.join(found.names)}" if found is not None and found.is_brittle and found.names else ""
        return Cause(
            cause=CauseId.ORDER_BRITTLE,
            status=Status.PROVEN if who and found is not None and found.confirmed else Status.SUPPORTED,
            statement=f"It needs another test to have run before{who}",
            place=evidence.flake.outermost if evidence.flake is not None else None,
            evidence=[arm(evidence, ALONE), *falls, *([found.text] if found is not None else [])],
            next=following.words(found.command) if found is not None else following.isolate,
        )
    alone = evidence.arm(ALONE)
    if alone.trials and alone.failed < alone.trials:
        passes = alone.trials - alone.failed
        said = [f"{alone.setting}: {passes} of {alone.trials} did not fail so: no other test is needed to pass"]
        return refuted(CauseId.ORDER_BRITTLE, "It passes by itself", said)
    return by_absence(evidence, CauseId.ORDER_BRITTLE, (COMPANY,), "Other tests do not help it", following)


def itself(evidence: Evidence, following: Next) -> Cause:
    """Where it passes in a process in which it has not run, and fails in one in which it has."""
    found, repeated = evidence.itself, evidence.repeated
    said = []
    if repeated is not None:
        (first_failed, first), (failed, later) = repeated.first, repeated.later
        said.append(
            f"pass after pass in one process: the first pass of a process failed in {number(first_failed)} of "
            f"{number(first)}, later ones in {number(failed)} of {number(later)}"
        )
    if found is not None and found.confirmed:
        stays = f"{found.names[0]} stays as it leaves it" if found.is_explained else "what it leaves behind stays"
        return Cause(
            cause=CauseId.SELF_POLLUTION,
            status=Status.PROVEN,
            statement=f"It cannot run twice in one process: {stays}",
            place=found.place,
            evidence=[arm(evidence, ALONE), *said, found.text, *found.carriers],
            next=following.words(found.command),
        )
    if evidence.is_significant(AGAIN, "repeats"):
        return Cause(
            cause=CauseId.SELF_POLLUTION,
            status=Status.SUPPORTED,
            statement="It fails when it has run before in the same process",
            place=evidence.flake.place if evidence.flake is not None else None,
            evidence=[arm(evidence, ALONE), *said],
            next=following.run("--isolation shared -w 1"),
        )
    return by_absence(evidence, CauseId.SELF_POLLUTION, (AGAIN,), "It can run again in one process", following)
