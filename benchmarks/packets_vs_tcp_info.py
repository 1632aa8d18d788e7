"""TCP_INFO beside what packets say of the same connection. Usage: packets_vs_tcp_info.py [TRIALS]

Tells by how much the round trip of TCP_INFO is longer than that of the packets, how far apart the bounds are within
which it must be, and how often it was outside of them or could not be compared. Then the throughput of `tcprtt` with
and without the monitor, in turns.
"""

import asyncio
import os
import statistics
import sys
from unittest import SkipTest

from benchmarks.measuring import in_turns, run_flakeproof
from flakeproof.net import AsyncTCPServer, async_drain
from flakeproof.net.packets import ranges_in_kernel
from flakeproof.scenarios import packet_monitor
from flakeproof_worker.system import namespace, packet_tap

_ROUNDS = 3
_TRIALS = 5_000
_AT_ONCE = 50


class _Differences:
    def __init__(self) -> None:
        self.smoothed: list[float] = []
        self.variation: list[float] = []
        self.widths: list[float] = []
        self.outside = self.skipped = 0

    async def trial(self) -> None:
        """One connection, as in `tcprtt`."""
        async with AsyncTCPServer(async_drain) as running:
            watched = packet_monitor.watch()
            client = await running.dial()
            await asyncio.sleep(0.005)
            watched.writes()
            client.send(b"foo")
            info = watched.reads(client)
            local, remote = client.getsockname(), running.address
            connection = watched.connection(local, remote)
            try:
                watched.compare(info, local, remote)
            except SkipTest:
                self.skipped += 1
            except OSError as error:
                self.outside += 1
                print(error)
            else:
                assert connection is not None
                bounds = ranges_in_kernel(watched.samples(connection, info))
                assert bounds is not None
                exact = ranges_in_kernel([(low, low) for low, _ in watched.samples(connection, info)])
                assert exact is not None
                self.smoothed.append(info.rtt - (exact[0].low + exact[0].high) / 2)
                self.variation.append(info.rttvar - (exact[1].low + exact[1].high) / 2)
                self.widths.append(bounds[0].high - bounds[0].low)
            client.close()


async def _measure(count: int, found: _Differences) -> None:
    async def lane() -> None:
        for _ in range(count // 4):
            await found.trial()

    await asyncio.gather(*(lane() for _ in range(4)))


def _line(title: str, values: list[float]) -> str:
    cuts = statistics.quantiles(values, n=100)
    return f"{title:<44} median {cuts[49]:.1f}, 90 % {cuts[89]:.1f}, 99 % {cuts[98]:.1f}, most {max(values):.1f} us"


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    child = os.fork()
    if not child:
        namespace.enter_network_namespace()
        namespace.bring_up_loopback()
        packet_tap.open_own()
        found = _Differences()
        asyncio.run(_measure(count, found))
        print(f"{count} trials: {found.outside} outside of their bounds, {found.skipped} could not be compared")
        print(_line("TCP_INFO's round trip above that of packets:", found.smoothed))
        print(_line("its variation above that of packets:", found.variation))
        print(_line("from the lower to the upper bound:", found.widths), flush=True)
        os._exit(0)
    os.waitpid(child, 0)

    def rate(*words: str) -> float:
        summary, _ = run_flakeproof("tcprtt", "-c", str(_TRIALS), "-w", str(_AT_ONCE), *words)
        return float(summary["total"] / summary["elapsed"])

    without, monitored = in_turns(_ROUNDS, rate, lambda: rate("--monitor", "packets"))
    ratio = statistics.median(monitored) / statistics.median(without)
    print(f"{_AT_ONCE} at once: {ratio:.0%} of the throughput without the monitor (bar 60 %)")


if __name__ == "__main__":
    main()
