"""Record a trial by the means that this Python has."""

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from flakeproof_worker.trace.recorder import Recorder


def recorder(order: Mapping[str, Any], folders: Iterable[str], trial: int) -> Recorder:
    """What records a trial while it is entered, as it was ordered; the own code is in the `folders`."""
    if sys.version_info >= (3, 12):
        from flakeproof_worker.trace.by_monitoring import ByMonitoring as Engine
    else:
        from flakeproof_worker.trace.by_settrace import BySettrace as Engine
    return Recorder(order, folders, trial, Engine)
