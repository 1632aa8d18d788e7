"""Deadlines on a loop: one timer, in the right order, and nothing left of it. The clock is a fake."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable
from contextvars import Context
from typing import TypeVarTuple

import pytest

from flakeproof.net.deadlines import Deadlines

_Ts = TypeVarTuple("_Ts")


class FakeLoop(asyncio.AbstractEventLoop):
    """A loop whose time passes when told."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[asyncio.TimerHandle] = []

    def get_debug(self) -> bool:
        """Asked for by handles."""
        return False

    def time(self) -> float:
        """Seconds told so far."""
        return self.now

    def call_at(
        self, when: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Keep a timer."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self.timers.append(timer)
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self.timers.remove(handle)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and then everything happen that is due."""
        self.now += seconds
        while due := [timer for timer in self.timers if timer.when() <= self.now]:
            self.timers.remove(due[0])
            due[0]._run()


class Entry:
    """Something that tells when it expires."""

    def __init__(self, name: str, expired: list[str]) -> None:
        self._name = name
        self._expired = expired

    def expire(self) -> None:
        """Its deadline has passed."""
        self._expired.append(self._name)


def new_loop() -> FakeLoop:
    """A new loop, at time 0; it has no more of a loop than deadlines need."""
    return FakeLoop()  # type: ignore[abstract]


@pytest.fixture
def loop() -> FakeLoop:
    """A new loop."""
    return new_loop()


def test_each_entry_has_its_full_time(loop: FakeLoop) -> None:
    """Entries expire on their own deadlines, whatever became of the ones before them, with one timer."""
    expired: list[str] = []
    deadlines = Deadlines(10.0)
    first, gone, last = (Entry(name, expired) for name in ("first", "gone", "last"))
    deadlines.add(first, loop)
    loop.pass_time(1)
    deadlines.add(gone, loop)
    loop.pass_time(1)
    deadlines.add(last, loop)
    assert [timer.when() for timer in loop.timers] == [10.0]
    loop.pass_time(7)
    deadlines.discard(gone)
    assert expired == []
    loop.pass_time(1)
    assert expired == ["first"]
    loop.pass_time(1.5)
    assert expired == ["first"]
    assert [timer.when() for timer in loop.timers] == [12.0]
    loop.pass_time(0.5)
    assert expired == ["first", "last"]
    assert loop.timers == []


def test_late_timer_expires_all_that_is_due(loop: FakeLoop) -> None:
    """A loop that was busy beyond several deadlines catches up, in order."""
    expired: list[str] = []
    deadlines = Deadlines(10.0)
    for name in ("first", "second", "third"):
        deadlines.add(Entry(name, expired), loop)
        loop.pass_time(1)
    loop.pass_time(8.5)
    assert expired == ["first", "second"]
    loop.pass_time(1)
    assert expired == ["first", "second", "third"]


def test_last_discard_takes_the_timer_along(loop: FakeLoop) -> None:
    """Nothing is left in the loop when there is nothing to expire; the next entry starts anew."""
    expired: list[str] = []
    deadlines = Deadlines(10.0)
    entries = [Entry(name, expired) for name in ("one", "other")]
    for _ in range(2):
        for entry in entries:
            deadlines.add(entry, loop)
        assert len(loop.timers) == 1
        deadlines.discard(entries[0])
        assert len(loop.timers) == 1
        deadlines.discard(entries[1])
        deadlines.discard(entries[1])
        assert loop.timers == []
        loop.pass_time(20)
    assert expired == []


def test_expiry_may_discard_others(loop: FakeLoop) -> None:
    """An entry whose expiry ends all the others is the last one to expire."""
    expired: list[str] = []
    deadlines = Deadlines(10.0)
    entries = [Entry(str(number), expired) for number in range(3)]

    class Clearing(Entry):
        def expire(self) -> None:
            super().expire()
            for entry in entries:
                deadlines.discard(entry)

    for entry in (Clearing("clearing", expired), *entries):
        deadlines.add(entry, loop)
    loop.pass_time(20)
    assert expired == ["clearing"]
    assert loop.timers == []


def test_shared_by_length_and_loop(loop: FakeLoop) -> None:
    """The same length on the same loop is the same object."""
    assert Deadlines.of(loop, 60.0) is Deadlines.of(loop, 60.0)
    assert Deadlines.of(loop, 60.0) is not Deadlines.of(loop, 1.0)
    assert Deadlines.of(loop, 60.0) is not Deadlines.of(new_loop(), 60.0)


def test_deadlines_go_with_their_loop() -> None:
    """Nothing keeps a loop alive that has had deadlines."""
    loop = new_loop()
    deadlines = Deadlines.of(loop, 60.0)
    entry = Entry("entry", [])
    deadlines.add(entry, loop)
    deadlines.discard(entry)
    alive = weakref.ref(loop)
    del loop, deadlines
    gc.collect()
    assert alive() is None
