"""The least whole number that is enough, for a condition that stays true once it is."""

from collections.abc import Callable


def fewest(enough: Callable[[int], bool], start: int = 1, *, within: float = 0.0) -> int:
    """The smallest integer from `start` (1 or more) on that is enough, where every larger one is enough too.

    It may be too large by a share `within` of itself, where that saves calls of `enough`.
    """
    if enough(start):
        return start
    low, high = start, 2 * start
    while not enough(high):
        low, high = high, 2 * high
    while high - low > max(1, int(high * within)):
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
