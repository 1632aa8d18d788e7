"""The running trial: its number and seed, which code inside the trial can ask for."""

from contextvars import ContextVar
from typing import NamedTuple

from flakeproof_worker.shared.private import os


class Trial(NamedTuple):
    """The trial that is running: its number (from 1) and its seed (0 to 2**32 - 1)."""

    number: int
    seed: int


class NoTrialError(LookupError):
    """No trial of flakeproof is running here."""


RUNNING: ContextVar[tuple[int, int]] = ContextVar("flakeproof_trial")
"""Number and seed; follows tasks, and threads that are started with a copy of the context."""

ALONE: list[tuple[int, int] | None] = [None]
"""Number and seed for the whole process, where it runs one trial at a time in its main thread."""


def current_trial() -> Trial:
    """Return the trial that this code runs in.

    Works in the trial's own thread or task, in tasks that it started, and in processes that it started (there it is
    read from FLAKEPROOF_TRIAL and FLAKEPROOF_SEED). Raises NoTrialError outside of a trial.
    """
    running = RUNNING.get(None) or ALONE[0]
    if running is not None:
        return Trial(*running)
    try:
        return Trial(int(os.environ["FLAKEPROOF_TRIAL"]), int(os.environ["FLAKEPROOF_SEED"]))
    except (KeyError, ValueError):
        raise NoTrialError("no trial is running here: this code was not started by flakeproof") from None
