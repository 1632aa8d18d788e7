"""Two by two tables, and several tests at once."""

import math
from collections.abc import Sequence

from flakeproof.stats.special import log_beta


def log_choose(total: int, chosen: int) -> float:
    """log C(n, k), by the beta function, which loses no digits for millions (DLMF 26.3.1, 5.12.1)."""
    return -math.log1p(total) - log_beta(chosen + 1, total - chosen + 1)


def fisher_greater(table: tuple[tuple[int, int], tuple[int, int]]) -> float:
    """The one-sided p-value of Fisher's exact test for ((a, b), (c, d)): the probability that the first cell is >= a.

    Given the margins, the cell is hypergeometric: R. A. Fisher, J. Royal Statistical Society 98 (1935) 39-82. Raises
    ValueError for negative counts.
    """
    (a, b), (c, d) = table
    if min(a, b, c, d) < 0:
        raise ValueError(f"counts must be 0 or more, got {table}")
    row, column, total = a + b, a + c, a + b + c + d
    least, most = max(0, row + column - total), min(row, column)
    if a <= least:
        return 1.0
    # Sum the tail without the mode outwards, where the terms only decrease.
    if a * (total + 2) > (row + 1) * (column + 1):
        return min(1.0, _tail(a, most, row, column, total))
    return max(0.0, 1.0 - _tail(row - (a - 1), row - least, row, total - column, total))


def fisher_noncentral(table: tuple[tuple[int, int], tuple[int, int]], odds: float) -> float:
    """As `fisher_greater`, for the hypothesis that the first row's odds are at most so many times those of the second.

    Given the margins, the cell has Fisher's noncentral hypergeometric distribution: W. L. Harkness, Annals of
    Mathematical Statistics 36 (1965) 938-945. Raises ValueError for negative counts and for
    odds that are not positive.
    """
    (a, b), (c, d) = table
    if min(a, b, c, d) < 0:
        raise ValueError(f"counts must be 0 or more, got {table}")
    if not 0 < odds < math.inf:
        raise ValueError(f"odds must be positive, got {odds}")
    row, column, total = a + b, a + c, a + b + c + d
    least, most = max(0, row + column - total), min(row, column)
    # From the largest cell downwards, relative to the probability of that one.
    term = tail = 1.0
    found = 1.0
    for cell in range(most, least, -1):
        term *= cell * (total - row - column + cell) / ((row - cell + 1) * (column - cell + 1) * odds)
        found += term
        if cell > a:
            tail += term
        elif term < found * 1e-18:
            break
    return 1.0 if a <= least else tail / found


def holm(values: Sequence[float]) -> list[float]:
    """P-values of several tests, adjusted to control the family-wise error.

    S. Holm, Scandinavian J. of Statistics 6 (1979) 65-70; valid however the tests depend on each other.
    """
    adjusted = [1.0] * len(values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=lambda index: values[index])):
        highest = max(highest, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = highest
    return adjusted


def _tail(first: int, last: int, row: int, column: int, total: int) -> float:
    """The hypergeometric probability that the first cell is from `first` to `last`, above the mode."""
    term = math.exp(
        log_choose(column, first) + log_choose(total - column, row - first) - log_choose(total, row),
    )
    found = term
    for cell in range(first, last):
        term *= (row - cell) * (column - cell) / ((cell + 1) * (total - row - column + cell + 1))
        found += term
        if term < found * 1e-18:
            break
    return found
