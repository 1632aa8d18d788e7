"""Another time zone for each trial, in a process that runs one at a time."""

import os
import time
from collections.abc import Mapping
from typing import Any

from flakeproof_worker.shared.variables import ZONE, zone_of


class Zone:
    """The local time zone of this process, as TZ says it."""

    def __init__(self, asked: Mapping[str, Any]) -> None:
        """`asked` has the zones to draw from."""
        self._asked = asked
        self._before: str | None = None

    def prepare(self) -> None:
        """Nothing is to be done before."""

    def begin(self, trial: int, seed: int) -> None:
        """A trial begins: local time is that of its zone."""
        self._before = os.environ.get(ZONE)
        enter(zone_of(self._asked, seed))

    def end(self, trial: int) -> None:
        """It has ended."""
        enter(self._before)


def enter(zone: str | None) -> None:
    """Have `zone` for the local one; None for that of the machine."""
    if zone is None:
        os.environ.pop(ZONE, None)
    else:
        os.environ[ZONE] = zone
    time.tzset()
