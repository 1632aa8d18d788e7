"""Kinds of failure that have not been seen: reference values and edges."""

import pytest

from flakeproof.stats.detection import kinds_in_all, unseen_share


@pytest.mark.parametrize(
    ("counts", "share", "kinds"),
    [([25, 9, 3, 1, 1, 1], 0.075, 9.0), ([], 0.0, 0.0), ([5, 5], 0.0, 2.0), ([1], 1.0, 1.0), ([1, 1, 2], 0.5, 3.5)],
)
def test_reference_values(counts: list[int], share: float, kinds: float) -> None:
    """Good and Turing, and Chao."""
    assert unseen_share(counts) == pytest.approx(share, rel=1e-12)
    assert kinds_in_all(counts) == pytest.approx(kinds, rel=1e-12)


def test_a_kind_never_seen() -> None:
    """It is none."""
    with pytest.raises(ValueError, match=r"got \[3, 0\]"):
        unseen_share([3, 0])
