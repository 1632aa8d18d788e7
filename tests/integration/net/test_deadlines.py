"""Deadlines on a loop: one timer, in the right order, and nothing left of it."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import TYPE_CHECKING

from flakeproof.net.deadlines import Deadlines

if TYPE_CHECKING:
    from tests.integration.net.conftest import Run


class Entry:
    """Something that tells when it expires."""

    def __init__(self, name: str, expired: list[str]) -> None:
        self._name = name
        self._expired = expired
        self.over = asyncio.Event()

    def expire(self) -> None:
        """Its deadline has passed."""
        self._expired.append(self._name)
        self.over.set()


def test_entries_expire_in_order_and_in_time(run: Run) -> None:
    """Each entry has its full time, whatever became of the ones before it."""
    expired: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        deadlines = Deadlines.of(loop, 0.01)
        first, gone, last = (Entry(name, expired) for name in ("first", "gone", "last"))
        deadlines.add(first, loop)
        deadlines.add(gone, loop)
        await asyncio.sleep(0.005)
        deadlines.add(last, loop)
        due = loop.time() + 0.01
        deadlines.discard(gone)
        await last.over.wait()
        assert loop.time() >= due
        deadlines.discard(last)
        deadlines.discard(gone)

    run(main())
    assert expired == ["first", "last"]


def test_an_entry_may_go_while_others_expire(run: Run) -> None:
    """An expiry that discards the others leaves nothing to expire."""
    expired: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        deadlines = Deadlines.of(loop, 0.001)
        entries = [Entry(str(number), expired) for number in range(3)]

        class Clearing(Entry):
            def expire(self) -> None:
                super().expire()
                for entry in entries:
                    deadlines.discard(entry)

        clearing = Clearing("clearing", expired)
        for entry in (clearing, *entries):
            deadlines.add(entry, loop)
        await clearing.over.wait()
        await asyncio.sleep(0.005)

    run(main())
    assert expired == ["clearing"]


def test_shared_by_length_and_loop(run: Run) -> None:
    """The same length on the same loop is the same object; it dies with its loop."""
    seen: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert Deadlines.of(loop, 60.0) is Deadlines.of(loop, 60.0)
        assert Deadlines.of(loop, 60.0) is not Deadlines.of(loop, 1.0)
        seen.append(weakref.ref(loop))

    run(main())
    gc.collect()
    assert seen[0]() is None
