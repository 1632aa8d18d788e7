"""The search for the setting under which a target fails most, and for what matters in it: what to run next."""

from collections.abc import Callable, Collection, Sequence

from flakeproof.amplifying.model import Batch, Factor, Found, Setting

Run = Callable[[Setting, float], Batch]
"""Runs the target under a setting for about so many seconds, one trial at least; what it raises ends the search."""


def search(
    factors: Sequence[Factor],
    run: Run,
    *,
    seconds: float,
    left: Callable[[], float],
    seed: int,
    signatures: Collection[str] = (),
    error: float = 0.05,
    say: Callable[[str], None] = lambda _: None,
) -> Found:
    """Find what makes the target fail more often, within `seconds`, of which `left` tells what remains.

    `signatures` are the failures that count; without any, those that plain trials fail with. `error` is the probability
    with which anything at all may be claimed (a setting, a level, a pair) where nothing matters. Raises ValueError.
    """
    raise NotImplementedError
