"""Picks apples with a key to the orchard, which has to be shown now and then. A program: `harvest.py`."""

import sys
import time

LEASE = 0.02
"""Seconds after which a key that was not shown is somebody else's."""
APPLES = 40
PICKING = 0.004
"""Seconds for an apple."""


class LeaseError(Exception):
    """The key is somebody else's by now."""


class Warden:
    """Lends the key."""

    def __init__(self) -> None:
        self._key = 0
        self._shown = 0.0

    def lend(self) -> int:
        """A key that nobody else has."""
        self._key += 1
        self._shown = time.monotonic()
        return self._key

    def show(self, key: int) -> None:
        """It is still needed. Raises LeaseError."""
        now = time.monotonic()
        if key != self._key or now - self._shown > LEASE:
            raise LeaseError(f"key {key} was not shown in time")
        self._shown = now


def harvest(warden: Warden) -> int:
    """Pick all apples; how many these are."""
    key = warden.lend()
    picked = 0
    while picked < APPLES:
        time.sleep(PICKING)
        warden.show(key)  # guilty
        picked += 1
    return picked


if __name__ == "__main__":
    apples = harvest(Warden())
    print(apples, "apples")
    sys.exit(apples != APPLES)
