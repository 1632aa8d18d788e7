"""A mergeable sketch of durations: counts in buckets whose width is a fixed share of their value.

The idea is DDSketch's (Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
guarantees", PVLDB 12(12), 2019): bucket i counts values in (G**(i-1), G**i], so any quantile is known to about 2 %.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping

RATIO = 1.04
_LOG_RATIO = math.log(RATIO)


def bucket_of(nanoseconds: int) -> int:
    """Bucket of a duration; everything below a nanosecond falls into bucket 0."""
    return math.ceil(math.log(nanoseconds) / _LOG_RATIO) if nanoseconds > 1 else 0


def sketch(durations: Iterable[int]) -> Counter[int]:
    """Counts per bucket of `durations` (nanoseconds)."""
    buckets: Counter[int] = Counter()
    for nanoseconds, count in Counter(durations).items():
        buckets[bucket_of(nanoseconds)] += count
    return buckets


def quantile(buckets: Mapping[int, int], share: float) -> float | None:
    """Duration in seconds below which `share` (0 to 1) of the counted values lie; None when nothing was counted."""
    total = sum(buckets.values())
    if not total:
        return None
    wanted = share * (total - 1)
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen > wanted:
            # The middle of the bucket in the sense of relative error.
            return 2 * RATIO**bucket / (1 + RATIO) / 1e9
    raise AssertionError("unreachable: the counts add up to the total")
