"""Targets that do to their process what flaky tests do; each misbehaves in the trials whose number says so."""

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
import unittest
from collections.abc import Callable, Generator

import flakeproof


def number() -> int:
    """Number of the trial that runs here."""
    return flakeproof.current_trial().number


def every(step: int) -> bool:
    """Whether this is one of the trials that misbehave."""
    return number() % step == 0


def passing() -> None:
    """Pass."""


def napping() -> None:
    """Pass after a short while."""
    time.sleep(0.002)


def hung_up() -> None:
    """Be ended by SIGHUP, unless it is ignored here."""
    os.kill(os.getpid(), signal.SIGHUP)


def failing() -> None:
    """Fail every time."""
    raise AssertionError(f"value {number()}")


def failing_once() -> None:
    """Fail in the tenth trial."""
    assert number() != 10


def segfault() -> None:
    """Read from address 0 in every tenth trial."""
    if every(10):
        ctypes.string_at(0)


def exit_zero() -> None:
    """End the process quietly in every tenth trial."""
    if every(10):
        os._exit(0)


def exit_three() -> None:
    """End the process with a status in every tenth trial."""
    if every(10):
        os._exit(3)


def killed() -> None:
    """Kill the process in every tenth trial."""
    if every(10):
        os.kill(os.getpid(), signal.SIGKILL)


def terminated() -> None:
    """Send the process SIGTERM in every tenth trial."""
    if every(10):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)


def interrupted() -> None:
    """Send the process SIGINT in every tenth trial."""
    if every(10):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)


def system_exit() -> None:
    """Raise SystemExit in every tenth trial."""
    if every(10):
        sys.exit(4)


def keyboard_interrupt() -> None:
    """Raise KeyboardInterrupt in every tenth trial."""
    if every(10):
        raise KeyboardInterrupt


def descriptors_closed() -> None:
    """Close every descriptor but the standard ones in every tenth trial."""
    if every(10):
        os.closerange(3, 256)


def babbling() -> None:
    """Write nonsense to every descriptor in the tenth trial."""
    if number() == 10:
        for descriptor in range(3, 30):
            with contextlib.suppress(OSError):
                os.write(descriptor, b"nonsense\n")


def recursion() -> None:
    """Recurse for ever in every tenth trial."""

    def deeper() -> None:
        deeper()

    if every(10):
        deeper()


def memory() -> None:
    """Run out of memory in every tenth trial."""
    if every(10):
        bytearray(1 << 60)


def skipping() -> None:
    """Skip every tenth trial."""
    if every(10):
        raise unittest.SkipTest("not here")


class _UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def unprintable() -> None:
    """Raise what cannot be printed in every tenth trial."""
    if every(10):
        raise _UnprintableError


def awkward_messages() -> None:
    """Fail with messages that text formats do not like."""
    if every(10):
        texts = ["\ud800 lone", "\x00\x1b[31m\r\n", "x" * 5_000_000, "\U0001f600", ""]
        raise ValueError(texts[number() // 10 % len(texts)])


def grouped() -> None:
    """Raise nested groups of exceptions in every tenth trial."""
    if every(10):
        group: ExceptionGroup[Exception] = ExceptionGroup("leaf", [ValueError(str(index)) for index in range(8)])
        for depth in range(6):
            group = ExceptionGroup(f"depth {depth}", [group] * 8)
        raise group


def much_output() -> None:
    """Write megabytes in every way, and fail in every tenth trial."""
    print("p" * 300_000)
    print("e" * 300_000, file=sys.stderr)
    os.write(1, b"w" * 300_000)
    if every(10):
        subprocess.run([sys.executable, "-c", "print('c' * 300_000)"], check=True)
        print("the last line")
        raise AssertionError("after much output")


def forked_copy_returns() -> None:
    """Fork; the copy returns from the target, or raises."""
    child = os.fork()
    if child == 0:
        if every(2):
            raise AssertionError("in the copy")
        return
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == every(2)


def moved() -> None:
    """Change the working directory and fail in every tenth trial."""
    os.chdir("/")
    if every(10):
        raise AssertionError("moved")


def hanging() -> None:
    """Sleep for ever in the fifth trial."""
    if number() == 5:
        time.sleep(1000)


def busy() -> None:
    """Spin for ever in the fifth trial."""
    while number() == 5:
        pass


def blocked_in_c() -> None:
    """Wait for ever in C code that holds the interpreter in the fifth trial."""
    if number() == 5:
        ctypes.PyDLL(None).sleep(1000)


def stubborn() -> None:
    """Hang in the fifth trial and ignore the request to end."""
    if number() == 5:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(1000)


def hanging_loop() -> None:
    """Wait for ever in a loop of asyncio of its own in the fifth trial."""
    if number() == 5:
        asyncio.run(_outer())


def coroutine_from_plain() -> object:
    """Return a coroutine that nobody awaits."""
    return a_passing()


def generator_from_plain() -> Generator[None]:
    """Be a generator, of which nothing runs."""
    yield
    raise AssertionError("never reached")


def mock_returned() -> object:
    """Return an object that has every attribute."""
    from unittest.mock import MagicMock

    return MagicMock()


async def _outer() -> None:
    await _inner()


async def _inner() -> None:
    await asyncio.Event().wait()


async def a_passing() -> None:
    """Pass."""
    await asyncio.sleep(0)


async def a_hanging() -> None:
    """Await for ever in the fifth trial."""
    await asyncio.sleep(0)
    if number() == 5:
        await _outer()


async def a_blocking() -> None:
    """Block the event loop in the fifth trial, while others wait."""
    await asyncio.sleep(0.01)
    if number() == 5:
        time.sleep(1000)


async def a_stubborn() -> None:
    """Await for ever in the fifth trial, whoever cancels it."""
    while number() == 5:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            continue


async def a_leftover_interrupt() -> None:
    """Leave a task behind that raises KeyboardInterrupt."""

    async def later() -> None:
        raise KeyboardInterrupt

    if every(10):
        asyncio.get_running_loop().create_task(later())
    await asyncio.sleep(0)


async def a_leftover_exit() -> None:
    """Leave a task behind that raises SystemExit."""

    async def later() -> None:
        raise SystemExit(3)

    if every(10):
        asyncio.get_running_loop().create_task(later())
    await asyncio.sleep(0)


async def a_cancels_all() -> None:
    """Cancel every task of the loop in every tenth trial."""
    if every(10):
        for task in asyncio.all_tasks():
            task.cancel()
    await asyncio.sleep(0)


async def a_stops_loop() -> None:
    """Stop the event loop in every tenth trial."""
    if every(10):
        asyncio.get_running_loop().stop()
    await asyncio.sleep(0)


async def a_cancels_itself() -> None:
    """Ask for its own cancellation and return at once in every tenth trial."""
    task = asyncio.current_task()
    if every(10) and task is not None:
        task.cancel()


async def a_forked_copy() -> None:
    """Fork; the copy goes on to await and to return."""
    child = os.fork()
    if child == 0:
        return
    await asyncio.sleep(0)
    os.waitpid(child, 0)


async def a_deafening() -> None:
    """Make the event loop deaf to every descriptor in the tenth trial."""
    await asyncio.sleep(0)
    if number() == 10:
        selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]  # this is the fault
        for key in list(selector.get_map().values()):
            if key.fd != asyncio.get_running_loop()._ssock.fileno():  # type: ignore[attr-defined]
                selector.unregister(key.fd)


def _as_async(function: Callable[[], object]) -> Callable[[], object]:
    async def target() -> None:
        await asyncio.sleep(0)
        function()

    return target


a_napping = _as_async(napping)
a_failing_once = _as_async(failing_once)
a_failing = _as_async(failing)
a_segfault = _as_async(segfault)
a_exit_zero = _as_async(exit_zero)
a_exit_three = _as_async(exit_three)
a_killed = _as_async(killed)
a_terminated = _as_async(terminated)
a_interrupted = _as_async(interrupted)
a_system_exit = _as_async(system_exit)
a_keyboard_interrupt = _as_async(keyboard_interrupt)
a_descriptors_closed = _as_async(descriptors_closed)
a_recursion = _as_async(recursion)
a_skipping = _as_async(skipping)
a_much_output = _as_async(much_output)
a_awkward_messages = _as_async(awkward_messages)


def dawdling() -> None:
    """Ends by itself, a little later than it may."""
    time.sleep(0.06)


async def a_dawdling() -> None:
    """The same as a coroutine."""
    await asyncio.sleep(0.06)
