"""What every test of this directory is held to: it leaves no thread, no task and no descriptor behind."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Protocol, TypeVar

import pytest

from flakeproof.net import EdgeLoop

_T = TypeVar("_T")

LIMIT = 30.0
"""Seconds after which a test that should take milliseconds counts as hanging."""


def open_descriptors() -> dict[int, str]:
    """Numbers of this process's open descriptors, and what they are."""
    found = {}
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")  # noqa: PTH115
        except FileNotFoundError:  # the one that listed the directory
            continue
    return found


class Run(Protocol):
    """Runs a coroutine on a new event loop, within the limit, and sees to it that no task is left."""

    def __call__(self, coroutine: Coroutine[Any, Any, _T], *, debug: bool = False) -> _T: ...


@pytest.fixture(scope="package", autouse=True)
def garbage_of_others() -> None:
    """What other tests have left in cycles is collected now: it closes no descriptors in the middle of a test here."""
    gc.collect()


@pytest.fixture(autouse=True)
def nothing_is_left(garbage_of_others: None) -> Iterator[None]:
    """The test ends with the threads and descriptors it began with."""
    threads = set(threading.enumerate())
    descriptors = open_descriptors()
    yield
    assert set(threading.enumerate()) == threads
    assert open_descriptors() == descriptors


@pytest.fixture(params=["edge", "stock"])
def new_loop(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    """Both event loops in turn."""
    return EdgeLoop if request.param == "edge" else asyncio.SelectorEventLoop


@pytest.fixture
def run(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> Run:
    """Run on both event loops in turn."""
    return runner(new_loop)


@pytest.fixture
def run_edge() -> Run:
    """Run on an ``EdgeLoop``."""
    return runner(EdgeLoop)


def runner(factory: Callable[[], asyncio.AbstractEventLoop]) -> Run:
    """A :class:`Run` for this kind of loop."""

    async def limited(coroutine: Coroutine[Any, Any, _T]) -> _T:
        async with asyncio.timeout(LIMIT):
            result = await coroutine
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result

    def run(coroutine: Coroutine[Any, Any, _T], *, debug: bool = False) -> _T:
        failures: list[dict[str, Any]] = []

        def factory_with_handler() -> asyncio.AbstractEventLoop:
            loop = factory()
            loop.set_exception_handler(lambda _, context: failures.append(context))
            return loop

        with asyncio.Runner(loop_factory=factory_with_handler, debug=debug) as loop_runner:
            result = loop_runner.run(limited(coroutine))
        assert failures == []
        return result

    return run


class WaitUntil(Protocol):
    """Waits for a condition, and fails if it does not come true within the limit."""

    def __call__(self, condition: Callable[[], object]) -> None: ...


@pytest.fixture
def wait_until() -> WaitUntil:
    """Wait for a condition that no event tells."""

    def wait(condition: Callable[[], object]) -> None:
        limit = time.monotonic() + LIMIT
        while not condition():
            assert time.monotonic() < limit, "the condition did not come true"
            time.sleep(0.001)

    return wait


class Strangers:
    """Sockets that take the lowest free numbers, which is where a second close would strike."""

    def __init__(self) -> None:
        self._pairs = [socket.socketpair() for _ in range(32)]
        self._inodes = {end.fileno(): os.fstat(end.fileno()).st_ino for pair in self._pairs for end in pair}

    def unharmed(self) -> bool:
        """Whether each of them is still the socket it was."""
        try:
            return self._inodes == {number: os.fstat(number).st_ino for number in self._inodes}
        except OSError:
            return False

    def close(self) -> None:
        """Give the numbers back."""
        for pair in self._pairs:
            for end in pair:
                end.close()


@pytest.fixture
def new_strangers() -> Iterator[Callable[[], Strangers]]:
    """Occupy the numbers that are free at the moment of the call."""
    made: list[Strangers] = []

    def new() -> Strangers:
        made.append(Strangers())
        return made[-1]

    yield new
    for strangers in made:
        strangers.close()


def _ipv6_works() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.fixture
def ipv6_host() -> str:
    """The IPv6 loopback address; skips where there is none."""
    if not _ipv6_works():
        pytest.skip("this machine has no IPv6 loopback address")
    return "::1"
