"""Waits of the user's code have longer time limits within a trial.

What waits for something that comes too late passes then; what waits for something that never comes fails as before.
"""

import functools
import importlib
import sys
from collections.abc import Callable
from typing import Any

from flakeproof_worker.perturb.watching import PerTrial
from flakeproof_worker.shared.user_code import is_users

LIMITED = (
    ("threading", "Event.wait", 1, "timeout"),
    ("threading", "Condition.wait", 1, "timeout"),
    ("threading", "Condition.wait_for", 2, "timeout"),
    ("threading", "Barrier.wait", 1, "timeout"),
    ("threading", "Thread.join", 1, "timeout"),
    ("queue", "Queue.get", 2, "timeout"),
    ("queue", "Queue.put", 3, "timeout"),
    ("concurrent.futures", "Future.result", 1, "timeout"),
    ("concurrent.futures", "Future.exception", 1, "timeout"),
    ("concurrent.futures", "wait", 1, "timeout"),
    ("asyncio", "wait_for", 1, "timeout"),
    ("asyncio", "wait", 1, "timeout"),
    ("asyncio", "timeout", 0, "delay"),
    ("subprocess", "Popen.wait", 1, "timeout"),
    ("subprocess", "Popen.communicate", 2, "timeout"),
    ("select", "select", 3, "timeout"),
)
"""Module, name, and place and name of the argument that limits the time, in seconds."""
_MOST = 3.0
"""Seconds that are added at most."""


class Patience:
    """The limits of the trials of a run."""

    def __init__(self, times: float) -> None:
        """Limits are `times` as long, but by no more than three seconds longer."""
        self._times = times
        self._trials: PerTrial[bool] = PerTrial(lambda trial, seed: True)

    def prepare(self) -> None:
        """Replace what waits, before any code of the user is imported."""
        for module, path, place, name in LIMITED:
            owner: Any = importlib.import_module(module)
            *above, last = path.split(".")
            for part in above:
                owner = getattr(owner, part)
            setattr(owner, last, self._patient(getattr(owner, last), place, name))

    def begin(self, trial: int, seed: int) -> None:
        """A trial begins in this thread."""
        self._trials.begin(trial, seed)

    def end(self, trial: int) -> None:
        """It has ended."""
        self._trials.end(trial)

    def _patient(self, function: Callable[..., Any], place: int, name: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def patient(*arguments: Any, **named: Any) -> Any:
            if self._trials.now() is not None and _is_users(sys._getframe(1).f_code.co_filename):
                if name in named:
                    named[name] = self.longer(named[name])
                elif len(arguments) > place:
                    arguments = (*arguments[:place], self.longer(arguments[place]), *arguments[place + 1 :])
            return function(*arguments, **named)

        return patient

    def longer(self, limit: Any) -> Any:
        """The limit instead of `limit`; what is no number, or no time at all, stays."""
        if not isinstance(limit, int | float) or limit <= 0:
            return limit
        return limit + min((self._times - 1) * limit, _MOST)


_is_users = functools.lru_cache(maxsize=1024)(is_users)
