"""Seeds of trials."""

from hypothesis import given, settings
from hypothesis import strategies as st

from flakeproof_worker.shared.seeds import BLOCK, LIMIT, seeds_of, trial_seed


@settings(deadline=None)
@given(run_seed=st.integers(0, 2**63 - 1), first=st.integers(1, 10**12), count=st.integers(0, 3 * BLOCK))
def test_blocks_and_single_seeds_agree(run_seed: int, first: int, count: int) -> None:
    """A trial's seed does not depend on the lease that it came in."""
    seeds = seeds_of(run_seed, first, count)
    assert len(seeds) == count
    assert all(0 <= seed < LIMIT for seed in seeds)
    for index in {0, count // 2, count - 1} if count else set():
        assert trial_seed(run_seed, first + index) == seeds[index]


def test_seeds_stay_what_they_are() -> None:
    """Recorded runs can be replayed by later versions."""
    assert [trial_seed(1, 1), trial_seed(1, 2), trial_seed(2, 1)] == [762188642, 2360199910, 1131682994]


def test_seeds_differ() -> None:
    """Among a hundred thousand trials, hardly any two share a seed."""
    assert len(set(seeds_of(1, 1, 100_000))) > 99_990
