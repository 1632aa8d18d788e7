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
    count = 0
    low = high = least = most = 0.0  # SRTT is between the first two, RTTVAR between the others
    for shortest, longest in samples:
        short, long = shortest / 1000 - _CUT, longest / 1000 + _CUT
        if count:
            below, above = short - high, long - low  # by how much a sample may be longer than SRTT
            nearest = below if below > 0 else above if above < 0 else 0.0
            least = _varied(least, nearest) - _CUT_QUARTERS
            most = max(_varied(most, below), _varied(most, above)) + _CUT_QUARTERS
            low += (short - low) / 8 - _CUT_EIGHTH
            high += (long - high) / 8 + _CUT_EIGHTH
        else:
            low, high, least, most = short, long, short / 2, long / 2
        count += 1
    return (Bounds(low - _CUT, high), Bounds(least - _CUT, most)) if count else None


def _varied(variation: float, error: float) -> float:
    """RTTVAR after a sample that is longer than SRTT by `error`, as Linux has it."""
    excess = abs(error) - variation
    return variation + excess / (32 if error < 0 < excess else 4)
