"""The words in which an isolation is told."""

import msgspec

from flakeproof.features.isolate.records import CulpritKind, CulpritSet, IsolationReport, Member, Rate
from flakeproof.features.isolate.report import conclusion, results
from flakeproof.model import Carrier
from flakeproof.results.summary import anytime_interval


def rate(failed: int) -> Rate:
    """Of ten runs."""
    return Rate(failed=failed, runs=10, interval=anytime_interval(failed, 10, 0.95))


def polluter(name: str, carrier: str, *, confirmed: bool = True) -> CulpritSet:
    """A single test that leaves `carrier` behind."""
    return CulpritSet(
        members=[Member(test=name, place="t.py:1")],
        with_them=rate(10),
        without=rate(0),
        log_evidence=5.9,
        carriers=[Carrier(kind="global", name=carrier, before="[]", after="[1]", decides=True)],
        command=f"pytest {name} victim",
        confirmed=confirmed,
        confirmation="as said" if confirmed else "it passed",
    )


def isolation(*culprits: CulpritSet) -> IsolationReport:
    """What was found."""
    return IsolationReport(
        version="0",
        victim="victim",
        place="",
        kind=CulpritKind.POLLUTED,
        message="AssertionError",
        culprits=list(culprits),
        is_complete=True,
        alone=rate(0),
        in_order=rate(10),
        in_other_orders=None,
        order="the order of collection",
        command=culprits[0].command,
        confirmed=True,
        ended_the_process=[],
        notes=[],
        tests=9,
        probes=100,
        elapsed=1.0,
        error=0.01,
        seed=1,
        stopped=None,
        exit_code=1,
    )


def test_polluters_that_leave_the_same_behind_are_one_group() -> None:
    """Named, counted together, with one command; another carrier is another group."""
    found = isolation(*(polluter(f"p{number}", "m.LIST") for number in range(3)), polluter("other", "m.FLAG"))
    rows = list(results(found))

    assert "Polluters: 3, which leave the same behind" in rows
    assert [row for row in rows if row.startswith("  p")] == [f"  p{number} (t.py:1)" for number in range(3)]
    assert "  with each of them: failed 30 of 30; alone: failed 0 of 30" in rows
    assert "Polluter: other (t.py:1)" in rows
    assert len([row for row in rows if row.startswith("Reproduce: ")]) == 2
    assert conclusion(found) == "victim fails because of p0 and 3 more"


def test_a_member_of_a_group_that_was_not_confirmed_is_told() -> None:
    """Whatever the others did."""
    rows = list(results(isolation(polluter("p0", "m.LIST"), polluter("p1", "m.LIST", confirmed=False))))

    assert "  confirmed: as said" in rows
    assert "  NOT confirmed: p1: it passed" in rows


def test_what_is_not_known_is_said() -> None:
    """A proof that was not completed, a carrier that was not found or not looked for, tests that were not tried."""
    unknown = msgspec.structs.replace(polluter("p0", "m.LIST"), carriers=[], log_evidence=1.0)
    looked = msgspec.structs.replace(unknown, looked_for_carriers=True)
    found = msgspec.structs.replace(
        isolation(unknown), tried_alone=3, left_untried=4, unproven=["p1"], tried_together=True
    )
    rows = list(results(found))

    assert "  What is left behind was not looked for to the end: there was no time" in rows
    assert "  What is left behind is not known: nothing that was looked at decides" in results(isolation(looked))
    assert "Not proven: p1: it had the same effect in the one run that there was" in rows
    assert (
        "No effect: each of 3 other tests by itself before it, once; the order of collection without those named"
        in rows
    )
    assert "Not tried, for want of time: 4 other tests" in rows
    assert "The proof with an error of 1% was not completed" in rows
    assert "Error probability: 1%" in results(isolation(polluter("p0", "m.LIST")))


def test_a_search_that_ended_early_says_how_often_it_failed() -> None:
    """Not that nothing is known."""
    found = msgspec.structs.replace(isolation(polluter("p0", "m.LIST")), culprits=[], kind=CulpritKind.INTERRUPTED)

    assert conclusion(found) == "Ended before it was known: it failed in 0 of 10 alone and 10 of 10 in company"


def test_intervals_and_evidence_are_for_those_who_ask() -> None:
    """Then each set stands by itself."""
    found = isolation(polluter("p0", "m.LIST"), polluter("p1", "m.LIST"))

    assert not [row for row in results(found) if "evidence" in row or "95%" in row]
    rows = list(results(found, verbose=True))
    assert len([row for row in rows if row.startswith("  evidence 365 to 1")]) == 2
    assert len([row for row in rows if row.startswith("Polluter: p")]) == 2
