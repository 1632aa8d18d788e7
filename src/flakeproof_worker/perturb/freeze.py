"""Stop the processes of a trial for short moments: when, for how long and which of them is drawn from its seed.

The lanes whose trials are processes of their own do this whenever they check their trials.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flakeproof_worker.shared.draws import generator
from flakeproof_worker.system.process_tree import Stopped, below

_SOME = 0.5
"""Probability that a pause stops only some processes of the tree, each with this probability: the others get ahead."""


@dataclass(frozen=True)
class Standstill:
    """One pause; times in nanoseconds."""

    after: int
    """Time from the end of the pause before, or from the beginning of the trial."""
    length: int
    whole: bool
    """Whether the whole tree is stopped."""
    coins: random.Random
    """Chooses the processes to stop, if not the whole tree."""


def pauses(asked: Mapping[str, Any], seed: int) -> Iterator[Standstill]:
    """An endless sequence of pauses for the trial with this seed.

    The time between pauses is exponential, so that each moment of a trial is equally likely to be hit; its mean follows
    from the share of time to be paused.
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
    """When the pause begins, or ends (nanoseconds)."""
    stopped: Stopped = field(default_factory=Stopped)
    is_paused: bool = False


class Freezer:
    """Stops and continues the processes of trials."""

    def __init__(self, asked: Mapping[str, Any]) -> None:
        self._asked = asked
        self._trials: dict[int, _Frozen] = {}

    def begin(self, lane: int, pid: int, seed: int, now: int) -> None:
        """The trial with this seed begins `now` (nanoseconds), as the process `pid`."""
        coming = pauses(self._asked, seed)
        first = next(coming, None)
        if first is not None:
            self._trials[lane] = _Frozen(pid, coming, first, now + first.after)

    def due(self) -> list[int]:
        """When each trial's next step is due (nanoseconds)."""
        return [frozen.due for frozen in self._trials.values()]

    def step(self, now: int) -> None:
        """Take the steps due `now`. A pause that begins late keeps its length; one that ends late becomes longer."""
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
        """Continue the trial in `lane`, and pause it no more."""
        frozen = self._trials.pop(lane, None)
        if frozen is not None:
            frozen.stopped.let_go_on()

    def end_all(self) -> None:
        """Continue every trial, and pause them no more."""
        for lane in list(self._trials):
            self.end(lane)

    def disown(self) -> None:
        """In a fork of this process: forget all trials, which remain the parent's."""
        for frozen in self._trials.values():
            frozen.stopped.forget()
        self._trials.clear()


def _stop(frozen: _Frozen) -> None:
    if frozen.pause.whole:
        frozen.stopped.stop(frozen.pid)
        for pid in below(frozen.pid):  # a stopped parent starts no further children
            frozen.stopped.stop(pid)
        return
    tree = [frozen.pid, *below(frozen.pid)]
    chosen = [pid for pid in tree if frozen.pause.coins.random() < _SOME]
    for pid in chosen or [frozen.pause.coins.choice(tree)]:
        frozen.stopped.stop(pid)
