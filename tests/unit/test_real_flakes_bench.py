"""The bench of real flakes: its catalogue has what is promised, and answers are judged by the stated rule."""

import pytest
from benchmarks.real_flakes.cases import Half, Truth, catalogue
from benchmarks.real_flakes.judging import Judgement, claims_of_diagnosis, claims_of_isolation, judge

TRUTH = Truth(lines=("pkg/pool.py:30-32",), state="NS_PORT", culprits=("test_x.py::test_sets",), causes=("load",))


def test_the_catalogue() -> None:
    """Forty flakes of fifteen projects, most of them nondeterministic, of many kinds; each has a truth and a source."""
    cases = catalogue()
    assert len(cases) >= 40
    assert len({case.project for case in cases}) >= 15
    assert sum(not case.order for case in cases) >= 24
    assert len({case.kind for case in cases}) >= 6
    assert all(case.truth.lines or case.truth.state or case.truth.culprits for case in cases)
    assert all(case.source.startswith("https://") for case in cases)
    assert all(case.requires for case in cases if case.prepared)


def test_a_project_is_in_one_half() -> None:
    """Both halves have cases that can be run."""
    halves: dict[str, set[Half]] = {}
    for case in catalogue():
        if case.prepared:
            halves.setdefault(case.project, set()).add(case.half)
    assert all(len(found) == 1 for found in halves.values())
    assert {half for found in halves.values() for half in found} == set(Half)


@pytest.mark.parametrize(
    ("claims", "judgement"),
    [
        ([], Judgement.NONE),
        (["clock: it waits\nsrc/pkg/pool.py:33"], Judgement.EXACTLY),
        (["clock: it waits\npool.py:31"], Judgement.EXACTLY),
        (["clock: it waits\npkg/pool.py:34"], Judgement.WRONG),
        (["clock: it waits\npkg/other.py:31"], Judgement.WRONG),
        (["clock: no", "order: the global Config.NS_PORT stays"], Judgement.PARTLY),
        (["order: tests/test_x.py::test_sets"], Judgement.EXACTLY),
        (["load: the limit is too short"], Judgement.PARTLY),
    ],
)
def test_the_rule(claims: list[str], judgement: Judgement) -> None:
    """The first claim counts most; a place has to be in the truth's ranges or next to one."""
    assert judgement == judge(claims, TRUTH)


def test_what_is_claimed() -> None:
    """Only proven and supported causes are, and of an isolation what may have carried the effect."""
    place = {"file": "a.py", "line": 3, "function": "f"}
    cause = {
        "cause": "clock",
        "status": "supported",
        "statement": "It is late.",
        "place": place,
        "evidence": ["5 of 5"],
    }
    assert claims_of_diagnosis({"causes": [{**cause, "status": "unknown"}, cause]}) == [
        "clock: It is late.\na.py:3\n5 of 5"
    ]
    carrier = {"kind": "global", "name": "a.b", "place": "a.py:1", "changed_at": "t.py:2", "decides": None}
    found = {"members": [{"test": "t.py::t"}], "carriers": [carrier, {**carrier, "name": "a.c", "decides": False}]}
    assert claims_of_isolation({"culprits": [found]}) == ["order-polluter: t.py::t\nglobal a.b a.py:1 t.py:2"]
