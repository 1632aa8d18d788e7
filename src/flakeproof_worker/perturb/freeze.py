"""Moments for which the processes of a trial stand still: when, how long and which is drawn from its seed.

The lanes in which each trial is a process of its own do this between two looks at their trials.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flakeproof_worker.shared.draws import generator
from flakeproof_worker.system.process_tree import Stopped, below

_SOME = 0.5
"""Of pauses stop not the whole tree but each process of it, or not, as a coin falls: then the others get ahead."""


@dataclass(frozen=True)
class Standstill:
    """One pause; times in nanoseconds."""

    after: int
    """From the end of the pause before, or from the beginning of the trial."""
    length: int
    whole: bool
    """Whether the whole tree stands still."""
    coins: random.Random
    """Chooses its processes where it is not the whole tree."""


def pauses(asked: Mapping[str, Any], seed: int) -> Iterator[Standstill]:
    """The pauses in the trial with this seed; they never end.

    The time between them is exponential, so that each moment of a trial is as likely to be hit as any other; its mean
    follows from the share of the time that is to be paused.
    """
    share = asked["share"]
    if not share:
        return
    least, most = (int(asked[name] * 1e9) for name in ("least", "most"))
    mean = (least + most) / 2 * (1 - share) / share
    draw = generator(seed, "freeze")
    number = 0
    while True:
        number += 1
        after, length = int(draw.expovariate(1 / mean)), draw.randint(least, most)
        yield Standstill(after, length, draw.random() >= _SOME, generator(seed, "freeze", number))


@dataclass
class _Frozen:
    """A trial in flight."""

    pid: int
    coming: Iterator[Standstill]
    pause: Standstill
    due: int
    """When it begins, or ends."""
    stopped: Stopped = field(default_factory=Stopped)
    is_paused: bool = False


class Freezer:
    """Stops the processes of trials and lets them go on."""

    def __init__(self, asked: Mapping[str, Any]) -> None:
        self._asked = asked
        self._trials: dict[int, _Frozen] = {}

    def begin(self, lane: int, pid: int, seed: int, now: int) -> None:
        """The trial with this seed has begun `now` (nanoseconds), as the process `pid`."""
        coming = pauses(self._asked, seed)
        first = next(coming, None)
        if first is not None:
            self._trials[lane] = _Frozen(pid, coming, first, now + first.after)

    def due(self) -> list[int]:
        """When something is to be done."""
        return [frozen.due for frozen in self._trials.values()]

    def step(self, now: int) -> None:
        """Do what is due `now`. A pause that begins late is as long as any; one that ends late was longer."""
        for frozen in self._trials.values():
            if now < frozen.due:
                continue
            if frozen.is_paused:
                frozen.stopped.let_go_on()
                frozen.is_paused = False
                frozen.pause = next(frozen.coming)
                frozen.due = now + frozen.pause.after
            else:
                _stop(frozen)
                frozen.is_paused = True
                frozen.due = now + frozen.pause.length

    def end(self, lane: int) -> None:
        """Have the trial in `lane` go on, for good."""
        frozen = self._trials.pop(lane, None)
        if frozen is not None:
            frozen.stopped.let_go_on()

    def end_all(self) -> None:
        """The same with every trial."""
        for lane in list(self._trials):
            self.end(lane)

    def disown(self) -> None:
        """In a copy of this process: forget all; the other one goes on."""
        for frozen in self._trials.values():
            frozen.stopped.forget()
        self._trials.clear()


def _stop(frozen: _Frozen) -> None:
    if frozen.pause.whole:
        frozen.stopped.stop(frozen.pid)
        for pid in below(frozen.pid):  # a parent that stands still has no further children
            frozen.stopped.stop(pid)
        return
    tree = [frozen.pid, *below(frozen.pid)]
    chosen = [pid for pid in tree if frozen.pause.coins.random() < _SOME]
    for pid in chosen or [frozen.pause.coins.choice(tree)]:
        frozen.stopped.stop(pid)
