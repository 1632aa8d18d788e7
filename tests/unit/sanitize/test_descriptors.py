"""Each way to mishandle a descriptor is seen, with the line to blame; and nothing is seen in code that is right."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

_PROGRAM = Path(__file__).with_name("mishandling.py")
_SOURCE = _PROGRAM.read_text().splitlines()


@cache
def _seen() -> dict[str, list[dict[str, Any]]]:
    ended = subprocess.run(
        [sys.executable, "-W", "ignore::ResourceWarning", str(_PROGRAM)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found: dict[str, list[dict[str, Any]]] = json.loads(ended.stdout)
    return found


def _guilty_line(name: str) -> int:
    start = next(number for number, line in enumerate(_SOURCE) if line.startswith(f"def {name}("))
    return next(number for number in range(start, len(_SOURCE)) if _SOURCE[number].endswith("# guilty")) + 1


@pytest.mark.parametrize(
    ("name", "kind", "role"),
    [
        ("closed_twice_by_number", "closed twice", "closed"),
        ("closed_behind_its_back", "closed behind the back of its owner", "closed"),
        ("two_owners", "two owners", "made of its number"),
        ("two_sockets", "two owners", "made of its number"),
        ("closed_by_its_finaliser", "closed a descriptor that belongs to somebody else", "made"),
        ("closed_of_another_trial", "closed a descriptor that belongs to somebody else", "closed"),
        ("used_after_close", "used after it was closed", "used"),
        ("left_to_its_finaliser", "left to its finaliser", "opened"),
        ("closed_by_a_thread", "closed twice", "closed"),
    ],
)
def test_the_guilty_line_is_named(name: str, kind: str, role: str) -> None:
    """With what it did, in which trial."""
    (row,) = (row for row in _seen()[name] if row["kind"] == kind)

    guilty = row["examples"][0]["parts"][0]
    assert (guilty["role"], guilty["trial"]) == (role, 1)
    assert guilty["place"] == {
        "file": str(_PROGRAM),
        "line": _guilty_line(name),
        "function": guilty["place"]["function"],
    }
    assert guilty["place"]["function"].startswith(name)
    assert (row["sanitizer"], row["times"]) == ("descriptors", 1)
    assert row["passed"] >= 1
    assert f"mishandling.py:{_guilty_line(name)}" in row["examples"][0]["text"]


@pytest.mark.parametrize("name", ["fine", "duplicated"])
def test_what_is_right_is_not_seen(name: str) -> None:
    """No false alarm."""
    assert _seen()[name] == []


def test_both_sides_are_named() -> None:
    """Whose descriptor it was, and when the guilty one had closed its own."""
    (row,) = (row for row in _seen()["closed_of_another_trial"])

    closed, opened, before = row["examples"][0]["parts"]
    assert [(part["role"], part["trial"]) for part in (closed, opened, before)] == [
        ("closed", 1),
        ("opened", 2),
        ("closed before", 1),
    ]
    assert row["examples"][0]["text"].endswith(
        f", which had already closed it at mishandling.py:{before['place']['line']}"
    )
    assert row["passed"] == 2  # it concerns the trial that did it and the one that it was done to


def test_the_victim_is_not_blamed() -> None:
    """Its own close comes too late, through no fault of its own."""
    kinds = [row["kind"] for row in _seen()["closed_by_its_finaliser"]]

    assert kinds.count("closed twice") == 0


def test_who_began_is_blamed_for_all() -> None:
    """Of those who close the next one's because their own is gone none has done anything wrong."""
    (row,) = (row for row in _seen()["passed_on"] if row["kind"] == "closed a descriptor that belongs to somebody else")

    guilty = [example["parts"][0]["place"]["line"] for example in row["examples"]]
    assert (row["times"], set(guilty)) == (2, {_guilty_line("passed_on")})
    assert row["examples"][-1]["text"].endswith(
        f", which goes back to a close at mishandling.py:{_guilty_line('passed_on')} in test 1"
    )
