"""The seed of each trial, derived from the seed of the run and the number of the trial."""

import hashlib
import struct

BLOCK = 256
"""How many trials share one digest: deriving their seeds together costs 20 ns a seed instead of a microsecond."""

LIMIT = 2**32
"""Seeds are below this limit, so that every consumer accepts them: `random`, numpy, PYTHONHASHSEED, srand(3)."""

_BLOCK_FORMAT = f"<{BLOCK}I"


def block_seeds(run_seed: int, block: int) -> tuple[int, ...]:
    """Seeds of the trials `block * BLOCK` to `block * BLOCK + BLOCK - 1` (SHAKE-128 of run seed and block number)."""
    digest = hashlib.shake_128(f"flakeproof:{run_seed}:{block}".encode()).digest(4 * BLOCK)
    return struct.unpack(_BLOCK_FORMAT, digest)


def trial_seed(run_seed: int, trial: int) -> int:
    """Seed of one trial, 0 to 2**32 - 1; the same in every process, order and isolation."""
    return block_seeds(run_seed, trial // BLOCK)[trial % BLOCK]


def seeds_of(run_seed: int, first: int, count: int) -> list[int]:
    """Seeds of `count` trials from number `first` on."""
    if not count:
        return []
    last = first + count - 1
    seeds: list[int] = []
    for block in range(first // BLOCK, last // BLOCK + 1):
        seeds.extend(block_seeds(run_seed, block))
    skipped = first % BLOCK
    return seeds[skipped : skipped + count]
