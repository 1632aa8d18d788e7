"""The table of known flakes is sound, and the bench judges diagnoses of them as it says."""

from pathlib import Path
from typing import Any

import pytest
from benchmarks.planted_judging import Claim, Judgement, Place, claims_of, is_guilty, judge, place_of
from tests.planted.catalogue import MARK, MISS, PLANTS, PYTHON, Plant, plant
from tests.planted.rare import RARE

from flakeproof.features.diagnose.records import CauseId as Cause

DIAGNOSIS: dict[str, Any] = {
    "schema_version": 1,
    "target": "test_account.py",
    "verdict": "flaky",
    "rate": 0.2,
    "interval": {"low": 0.1, "high": 0.3},
    "causes": [
        {"cause": "hash-order", "status": "refuted", "statement": "", "place": None, "evidence": [], "next": ""},
        {
            "cause": "thread-race",
            "status": "supported",
            "statement": "two threads",
            "place": {"file": "account.py", "line": 16, "function": "Account.deposit"},
            "evidence": [],
            "next": "",
        },
        {"cause": "load", "status": "supported", "statement": "", "place": None, "evidence": [], "next": ""},
        {"cause": "clock", "status": "unknown", "statement": "", "place": None, "evidence": [], "next": ""},
    ],
    "elapsed": 3.0,
}


@pytest.mark.parametrize("each", PLANTS, ids=lambda each: each.name)
def test_each_plant_has_what_it_needs(each: Plant) -> None:
    """A guilty line, a twin without one, a victim that is there, and a rate at which it can be told."""
    assert each.guilty()
    assert not any(MARK in path.read_text() for path in each.fixed.rglob("*.py"))
    for side in (each.flaky, each.fixed):
        victim = place_of(each.victim)
        assert f"def {victim.function}(" in (side / victim.file).read_text()
        assert (side / "pyproject.toml").is_file()
    failed, total = each.measured
    assert 0.005 < failed / total < 0.6
    assert (1 - failed / total) ** each.trials < MISS


def test_every_folder_is_in_the_table_and_every_cause_has_a_plant() -> None:
    """So that no plant is forgotten."""
    names = [each.name for each in (*PLANTS, *RARE)]
    assert sorted(path.name for path in PYTHON.iterdir() if path.is_dir()) == sorted(names)
    # "Something differs here" is what is said of a flake that is of no known kind. Addresses are the same in all trials
    # of a process, so that plants of theirs have no rate, and a test that cannot run twice in one has none either;
    # tests/e2e/test_diagnose.py has one of each.
    without_rate = {Cause.DIFFERENCE, Cause.ADDRESSES, Cause.SELF_POLLUTION}
    assert {each.cause for each in (*PLANTS, *RARE)} - {None} == set(Cause) - without_rate
    table = (PYTHON.parent / "README.md").read_text()
    assert [name for name in names if f"| `{name}` |" not in table] == []


def test_a_copy_is_the_project_and_nothing_else(tmp_path: Path) -> None:
    """What earlier runs left beside the sources stays behind."""
    each = plant("order_directory")
    copied = each.copy(each.flaky, tmp_path)
    assert sorted(str(path.relative_to(copied)) for path in copied.rglob("*") if path.is_file()) == [
        "data/rates.csv",
        "pyproject.toml",
        "rates.py",
        "test_rates.py",
    ]


def test_claims_are_the_supported_causes_in_order() -> None:
    """What is refuted or unknown is no claim."""
    assert claims_of(DIAGNOSIS) == (
        Claim("thread-race", Place("account.py", 16, "Account.deposit")),
        Claim("load"),
    )


RACE = plant("lost_update")
READ = RACE.guilty()[0]
ELSEWHERE = Place("test_account.py", 7, "test_deposits_at_once")


@pytest.mark.parametrize(
    ("place", "guilty"),
    [
        (None, False),
        (Place(READ.file, READ.line), True),
        (Place(f"/somewhere/{READ.file}", READ.line + 2), True),
        (Place(READ.file, READ.line - 3), False),
        (Place(READ.file, READ.line - 3, "Account.deposit"), True),
        (Place(READ.file, None, "deposit"), True),
        (Place(READ.file, None, "__init__"), False),
        (Place("other.py", READ.line, "deposit"), False),
        (Place(f"not_{READ.file}", READ.line), False),
        (ELSEWHERE, False),
    ],
)
def test_a_place_is_right_near_a_guilty_line_or_in_its_function(place: Place | None, guilty: bool) -> None:
    """Two lines away at most, or by the function's name; always in the same file."""
    assert is_guilty(place, RACE) is guilty


HERE = Place(READ.file, READ.line)


@pytest.mark.parametrize(
    ("claims", "judgement"),
    [
        ((), "none"),
        ((Claim("thread-race", HERE),), "exactly"),
        ((Claim("thread-race", HERE), Claim("clock")), "exactly"),
        ((Claim("clock"), Claim("thread-race", HERE)), "partly"),
        ((Claim("thread-race", ELSEWHERE),), "partly"),
        ((Claim("thread-race"),), "partly"),
        ((Claim("clock", HERE),), "partly"),
        ((Claim("clock", ELSEWHERE),), "wrong"),
        ((Claim("clock"),), "wrong"),
    ],
)
def test_judgement(claims: tuple[Claim, ...], judgement: str) -> None:
    """Exactly: the best claim has the right cause in the right place."""
    assert judge(claims, RACE) == judgement


def test_a_plant_may_have_more_than_one_right_name() -> None:
    """Floats that are added in another order are so because of a race."""
    each = plant("float_order")
    (line,) = each.guilty()
    for cause in ("float-order", "thread-race", "hash-order"):
        assert judge([Claim(cause, Place(line.file, line.line))], each) is Judgement.EXACTLY


def test_the_test_that_leaves_it_behind_is_half_the_answer() -> None:
    """Who names it has found the neighbour, but not what is wrong."""
    each = plant("leaked_timer")
    assert judge([Claim("order-polluter", place_of(each.polluter))], each) is Judgement.PARTLY
    assert judge([Claim("order-polluter", place_of(each.victim))], each) is Judgement.WRONG


def test_the_place_of_a_test() -> None:
    """By its id for pytest, with class and parameters."""
    assert place_of("tests/test_x.py::TestX::test_y[a-b]") == Place("tests/test_x.py", None, "test_y")
    assert place_of("test_x.py::test_y") == Place("test_x.py", None, "test_y")
