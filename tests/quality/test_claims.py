"""Everything that docs/statistics.md says was measured holds."""

import re
from pathlib import Path

import pytest
from tests.quality import claims

PAGE = (Path(__file__).parent.parent.parent / "docs" / "statistics.md").read_text()


@pytest.mark.long
@pytest.mark.parametrize("heading", claims.GROUPS)
def test_what_the_statistics_claim(heading: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row of the table, measured again with fewer simulations; the page has them all."""
    for name in ("MANY", "SOME"):
        monkeypatch.setattr(claims, name, getattr(claims, name) // 5)
    rows = list(claims.GROUPS[heading]())
    assert rows
    assert [row for row in rows if not row.holds] == []
    on_page = {(claim, nominal) for claim, _, nominal in re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|", PAGE, re.M)}
    assert [row for row in rows if (row.claim, row.nominal) not in on_page] == []
