"""How many kinds of failure have not been seen yet, from how often each known kind was."""

from collections.abc import Iterable


def unseen_share(counts: Iterable[int]) -> float:
    """The share of failures to come whose kind is new: f1 / n, with f1 kinds seen once among n failures.

    I. J. Good, Biometrika 40 (1953) 237-264, after A. M. Turing. 0 without failures. Raises ValueError.
    """
    seen = _checked(counts)
    return seen.count(1) / sum(seen) if seen else 0.0


def kinds_in_all(counts: Iterable[int]) -> float:
    """A lower bound on the number of kinds, S + f1 (f1 - 1) / (2 (f2 + 1)), with S seen, f1 once and f2 twice.

    A. Chao, Scandinavian J. of Statistics 11 (1984) 265-270, in the form without bias. Raises ValueError.
    """
    seen = _checked(counts)
    once, twice = seen.count(1), seen.count(2)
    return len(seen) + once * (once - 1) / (2 * (twice + 1))


def _checked(counts: Iterable[int]) -> list[int]:
    seen = list(counts)
    if any(count < 1 for count in seen):
        raise ValueError(f"each kind must have been seen once or more, got {seen}")
    return seen
