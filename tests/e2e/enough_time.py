"""Answers that a budget of time may be too short for: how long one takes is the machine's affair."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
BUDGETS = ("30s", "120s", "480s")
"""The first is enough on an idle machine; no command uses more of one than it needs."""


def with_enough_time(ask: Callable[[str], T], suffices: Callable[[T], bool], budgets: Sequence[str] = BUDGETS) -> T:
    """What `ask` answers with the first of the `budgets` that suffices, or with the last one."""
    for budget in budgets[:-1]:
        found = ask(budget)
        if suffices(found):
            return found
    return ask(budgets[-1])
