"""What a coordinator costs with many nodes: simulated streams of events, and real decoding, counting and recording.

    python benchmarks/scale.py [NODES] [SECONDS]

Each simulated node replies as a real one does whose tests take about 10 ms in eight processes: when its patience is
over, with a batch of passed trials for each process and now and then a failure. Prints the replies a second, the share
of one core that the coordinator takes, and its memory. The same process makes the replies; their cost is taken off.
"""

import heapq
import resource
import sys
import time

from flakeproof.cluster.coordinator import Coordinator
from flakeproof.cluster.exchange import FoundNode, Gone, NodeOrder, Reply, decode_instructions, encode
from flakeproof.engine.leases import Block, Pool
from flakeproof.events import ProcessLoaded, TrialFailed, TrialsPassed
from flakeproof.model import PROCESSES_PER_SHARD, CallableTarget, Failure, Outcome, RunSpec
from flakeproof.results.history import History

_PROCESSES = 8
_PER_SECOND = 100.0
"""Tests of each process in a second."""
_FAILURE_EVERY = 10_000


class SimulatedNodes:
    """Connections to nodes that are not there (`cluster.exchange.Links`)."""

    def __init__(self, count: int) -> None:
        self._new = [FoundNode(key=str(n), name=f"node-{n}", cpus=_PROCESSES) for n in range(count)]
        self._due: list[tuple[float, int, float]] = []
        self._trials: dict[int, list[Block]] = {n: [] for n in range(count)}
        self._is_over: set[int] = set()
        self.replies = 0
        self.bytes = 0
        self.spent = 0.0
        """Processor seconds that the simulation itself has taken."""

    def new_nodes(self) -> list[FoundNode]:
        found, self._new = self._new, []
        return found

    def begin(self, node: FoundNode, number: int, order: bytes, cpus: int) -> None:
        heapq.heappush(self._due, (0.0, number, 0.0))

    def say(self, number: int, instructions: bytes) -> None:
        began = time.process_time()
        said = decode_instructions(instructions)
        self._trials[number] += said.trials
        if said.is_over or said.stops:
            self._is_over.add(number)
        patience = 0.0 if number in self._is_over else said.patience
        heapq.heappush(self._due, (time.monotonic() + patience, number, patience))
        self.spent += time.process_time() - began

    def wait(self, seconds: float) -> list[tuple[int, bytes | Gone]]:
        if self._due and (early := self._due[0][0] - time.monotonic()) > 0:
            time.sleep(min(early, seconds))
        began, now = time.process_time(), time.monotonic()
        found: list[tuple[int, bytes | Gone]] = []
        while self._due and self._due[0][0] <= now:
            _, number, patience = heapq.heappop(self._due)
            found.append((number, self._reply(number, patience)))
        self.replies += len(found)
        self.spent += time.process_time() - began
        return found

    def release(self, number: int) -> None:
        del self._trials[number]

    def close(self) -> None:
        pass

    def _reply(self, number: int, patience: float) -> bytes:
        first = number * PROCESSES_PER_SHARD
        events: list[TrialsPassed | TrialFailed | ProcessLoaded] = []
        if not patience and number not in self._is_over:
            events = [ProcessLoaded(process=first + n, seconds=0.1) for n in range(_PROCESSES)]
        for place in range(_PROCESSES):
            if (block := self._take(number, max(1, int(patience * _PER_SECOND)))) is None:
                break
            start, count = block
            if start // _FAILURE_EVERY != (start + count) // _FAILURE_EVERY:
                failure = Failure(
                    trial=start,
                    seed=1,
                    outcome=Outcome.FAILED,
                    message="ValueError: simulated",
                    signature="ValueError: simulated",
                    duration=0.01,
                    process=first + place,
                )
                events.append(TrialFailed(number=1, failure=failure))
                start, count = start + 1, count - 1
            if count:
                passed = TrialsPassed(
                    process=first + place, count=count, durations=[(160, count)], trials=[(start, count)]
                )
                events.append(passed)
        wants = max(0, int(_PROCESSES * _PER_SECOND) - sum(count for _, count in self._trials[number]))
        told = encode(Reply(events=list(events), wants=wants, is_over=number in self._is_over))
        self.bytes += len(told)
        return told

    def _take(self, number: int, wanted: int) -> Block | None:
        blocks = self._trials[number]
        if not blocks:
            return None
        first, count = blocks.pop()
        if count > wanted:
            blocks.append((first + wanted, count - wanted))
        return first, min(count, wanted)


def main() -> None:
    """Run it."""
    nodes, seconds = (int(word) for word in (*sys.argv[1:], "1000", "20")[:2])
    target = CallableTarget(name="simulated", module="simulated", attribute="f", python=sys.executable, folder="/")
    spec = RunSpec(target=target, count=None, duration=float(seconds), workers=8, processes=8, seed=1, on="simulated")
    order = NodeOrder(
        spec=spec, run_id="scale", version="", project="/", python="", flakeproof="", cpus=8, watches_copies=False
    )
    links, history = SimulatedNodes(nodes), History()
    coordinator = Coordinator(spec, order, links, history.add, Pool(1, None), None)
    before, began = time.process_time(), time.monotonic()
    coordinator.run()
    elapsed = time.monotonic() - began
    spent = time.process_time() - before - links.spent
    print(f"{nodes} nodes for {elapsed:.0f}s: {history.total:,} tests, {history.failed:,} failed")
    print(f"replies: {links.replies / elapsed:,.0f} a second, {links.bytes / max(1, links.replies):,.0f} bytes each")
    print(f"the coordinator takes {100 * spent / elapsed:.1f} % of one core, without Ray's own share")
    print(f"memory at most: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()
