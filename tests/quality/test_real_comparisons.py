"""Real comparisons find a fix, and find none where there is none, as docs/statistics.md says."""

from pathlib import Path

import pytest
from tests.quality.real import REAL

PAGE = (Path(__file__).parent.parent.parent / "docs" / "statistics.md").read_text()


@pytest.mark.long
@pytest.mark.parametrize("name", REAL)
def test_what_a_comparison_answers(name: str) -> None:
    """Measured again; the page has the row."""
    row = REAL[name]()
    assert row.holds, row
    assert f"| {row.claim} | {row.how} | {row.nominal} |" in PAGE
