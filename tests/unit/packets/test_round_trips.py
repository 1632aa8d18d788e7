"""Bounds of what the kernel must have measured: its own arithmetic never leaves them, and they are not wide."""

from hypothesis import given, strategies

from flakeproof.net.packets.round_trips import ranges_in_kernel


def linux(samples: list[int]) -> tuple[int, int]:
    """`tcpi_rtt` and `tcpi_rttvar` after samples in whole microseconds, as `tcp_rtt_estimator` computes them."""
    smoothed = deviation = 0
    for sample in samples:
        error = max(sample, 1) if not smoothed else sample
        if smoothed:
            error -= smoothed >> 3
            smoothed += error
            if error < 0:
                error = -error - (deviation >> 2)
                error = error >> 3 if error > 0 else error
            else:
                error -= deviation >> 2
            deviation += error
        else:
            smoothed, deviation = error << 3, error << 1
        smoothed = max(1, smoothed)
    return smoothed >> 3, deviation >> 2


MEASURED = strategies.tuples(
    strategies.integers(0, 3_000_000_000), strategies.integers(0, 200_000), strategies.integers(0, 200_000)
)


@given(strategies.lists(MEASURED, min_size=1, max_size=12))
def test_the_kernel_is_within_them(measured: list[tuple[int, int, int]]) -> None:
    """Whatever it has measured between the least and the most, in its integers."""
    bounds = ranges_in_kernel((sample - below, sample + above) for sample, below, above in measured)
    assert bounds is not None
    round_trip, variation = linux([sample // 1000 for sample, _, _ in measured])
    assert round_trip in bounds[0]
    assert variation in bounds[1]


@given(strategies.lists(strategies.integers(1000, 3_000_000_000), min_size=1, max_size=12))
def test_they_are_as_narrow_as_what_is_known(samples: list[int]) -> None:
    """Where the samples are known exactly, only rounding is left: a few microseconds."""
    bounds = ranges_in_kernel((sample, sample) for sample in samples)
    assert bounds is not None
    assert bounds[0].high - bounds[0].low < 6
    assert bounds[1].high - bounds[1].low < 20


def test_without_a_sample_nothing_is_said() -> None:
    """There are no bounds of nothing."""
    assert ranges_in_kernel([]) is None
