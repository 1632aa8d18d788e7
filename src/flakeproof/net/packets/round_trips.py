"""The round-trip time of a connection and its variation: RFC 6298, and what Linux makes of the same samples.

RFC 6298 section 2: the first sample R gives SRTT = R and RTTVAR = R/2, each further one R'
RTTVAR = 3/4 RTTVAR + 1/4 |SRTT - R'| and then SRTT = 7/8 SRTT + 1/8 R'; the variation first, with the SRTT of before.

Linux (`tcp_rtt_estimator` in net/ipv4/tcp_input.c) does the same in whole microseconds, with one difference: a sample
that is shorter than SRTT by more than RTTVAR changes RTTVAR by 1/32 of what it exceeds it by, in place of 1/4.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(slots=True)
class RoundTrips:
    """Samples of a round-trip time, in nanoseconds, and what is kept of them."""

    count: int = 0
    smoothed: float = 0.0
    variation: float = 0.0
    shortest: int = 0
    longest: int = 0
    last: int = 0

    def add(self, sample: int) -> None:
        """Take in a sample."""
        if self.count:
            self.variation += (abs(self.smoothed - sample) - self.variation) / 4
            self.smoothed += (sample - self.smoothed) / 8
            if sample < self.shortest:
                self.shortest = sample
            elif sample > self.longest:
                self.longest = sample
        else:
            self.smoothed = float(sample)
            self.variation = sample / 2
            self.shortest = self.longest = sample
        self.last = sample
        self.count += 1


class Bounds(NamedTuple):
    """From `low` to `high`, both included."""

    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high


_CUT = 1.0
"""Microseconds: a sample is the difference of two clock readings that are cut to whole ones, and reading SRTT or RTTVAR
cuts again."""
_CUT_EIGHTH = 1 / 8
"""By which an update of SRTT, which is kept in eighths, may be wrong: it cuts the former one once."""
_CUT_QUARTERS = 3 / 4
"""The same for RTTVAR, which is kept in quarters: SRTT, the former one and an excess are cut."""


def ranges_in_kernel(samples: Iterable[tuple[int, int]]) -> tuple[Bounds, Bounds] | None:
    """What Linux must have as `tcpi_rtt` and `tcpi_rttvar`, in microseconds; None without any sample.

    Of each sample, in nanoseconds, the least and the most that the kernel can have measured is given. SRTT rises with
    each sample, so that its bounds are the SRTT of the bounds; RTTVAR rises with its former value and, on either side,
    with the distance of the sample from SRTT.
    """
    smoothed: Bounds | None = None
    variation = Bounds(0.0, 0.0)
    for shortest, longest in samples:
        low, high = shortest / 1000 - _CUT, longest / 1000 + _CUT
        if smoothed is None:
            smoothed, variation = Bounds(low, high), Bounds(low / 2, high / 2)
            continue
        errors = Bounds(low - smoothed.high, high - smoothed.low)
        least = min(max(0.0, errors.low), errors.high)  # the error that is nearest to none
        variation = Bounds(
            _varied(variation.low, least) - _CUT_QUARTERS,
            max(_varied(variation.high, error) for error in errors) + _CUT_QUARTERS,
        )
        smoothed = Bounds(
            smoothed.low + (low - smoothed.low) / 8 - _CUT_EIGHTH,
            smoothed.high + (high - smoothed.high) / 8 + _CUT_EIGHTH,
        )
    if smoothed is None:
        return None
    return Bounds(smoothed.low - _CUT, smoothed.high), Bounds(variation.low - _CUT, variation.high)


def _varied(variation: float, error: float) -> float:
    """RTTVAR after a sample that is longer than SRTT by `error`, as Linux has it."""
    excess = abs(error) - variation
    return variation + excess / (32 if error < 0 < excess else 4)
