"""What the ranking makes of a simulated CI; benchmarks/history.py has the large one."""

import pytest
from tests.quality.ci_year import CiWorld, CiYear, kept, scores

from flakeproof.features.history.ranking import Ranking

_SMALL = CiWorld(
    tests=200, jobs=2_000, flaky=24, clusters=2, members=4, changing=5, broken=4, bad_weeks=1, days=60, lowest=0.004
)


@pytest.mark.long
def test_a_small_year() -> None:
    """Flaky tests are found, nothing else is called flaky, clusters are exact, changes near."""
    year = CiYear(_SMALL)
    found = scores(year, Ranking(kept(year), "flakeproof", "").report({}))
    assert found.above - found.found <= 1
    assert found.wrong <= 1
    assert (found.exact_clusters, found.clusters) == (2, 2)
    assert sorted(found.changes)[len(found.changes) // 2] < 0.05
    assert found.tau > 0.7
    assert found.bad_days > 0
