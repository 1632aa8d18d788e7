"""Real comparisons find a fix, and find none where there is none, as docs/statistics.md says."""

from pathlib import Path

import pytest
from tests.quality.real import REAL, WORLDS, answers, called_better, disagreeing

PAGE = (Path(__file__).parent.parent.parent / "docs" / "statistics.md").read_text()
OF_SERVERS = {"the fixed server against itself": 15, "the leaky server against the fixed one": 1}
"""Comparisons, of which the page has more."""
EACH = 4
TOLERATED = 10
"""More wrong answers of 36, each with a probability of at most 5 %, come with a probability below 1e-6."""


@pytest.mark.long
@pytest.mark.parametrize("name", OF_SERVERS)
def test_what_a_comparison_of_servers_answers(name: str) -> None:
    """Measured again with fewer comparisons than the row of the page has."""
    row = REAL[name](OF_SERVERS[name])
    assert row.holds, row
    assert f"| {row.claim} | " in PAGE


@pytest.mark.long
def test_a_test_is_not_called_better_than_itself() -> None:
    """In any of the worlds of the page, a few comparisons in each: one rule answers in all of them.

    Who took pairs across processes, or replaced none, would be wrong in most of them.
    """
    found = answers([question for questions in WORLDS.values() for question in questions(EACH)])
    disagree = {world: disagreeing(found[EACH * at : EACH * (at + 1)]) for at, world in enumerate(WORLDS)}
    assert [world for world, pairs in disagree.items() if pairs < EACH] == []
    assert called_better(found) <= TOLERATED
    assert [world for world in WORLDS if f"| {world}: called fixed or reduced | " not in PAGE] == []
