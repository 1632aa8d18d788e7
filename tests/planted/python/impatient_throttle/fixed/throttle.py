"""Calls to a device that wants a rest between them."""

import time
from collections.abc import Callable

REST = 0.01
"""Seconds that the device wants."""


class Device:
    """Answers, unless it is asked too soon."""

    def __init__(self) -> None:
        self._last = float("-inf")

    def ask(self) -> str:
        """Raises RuntimeError if it had no rest."""
        now, last = time.monotonic(), self._last
        self._last = now
        if now - last < REST:
            raise RuntimeError("asked too soon")
        return "ready"


class Throttle:
    """Lets a device rest."""

    def __init__(self) -> None:
        self._last = float("-inf")

    def call(self, ask: Callable[[], str]) -> str:
        """Ask, when it is time."""
        while time.monotonic() - self._last < 1.2 * REST:
            time.sleep(REST / 20)
        try:
            return ask()
        finally:
            self._last = time.monotonic()
