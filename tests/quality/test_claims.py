"""Everything that docs/statistics.md says was measured holds."""

from pathlib import Path

import pytest
from tests.quality.claims import GROUPS

PAGE = (Path(__file__).parent.parent.parent / "docs" / "statistics.md").read_text()


@pytest.mark.long
@pytest.mark.parametrize("heading", GROUPS)
def test_what_the_statistics_claim(heading: str) -> None:
    """Each row of the table, measured again; the page has them all."""
    rows = list(GROUPS[heading]())
    assert rows
    assert [row for row in rows if not row.holds] == []
    assert [row for row in rows if f"| {row.claim} | {row.how} | {row.nominal} |" not in PAGE] == []
