"""Flaky tests whose failures depend on each other; both arms of a comparison call the same one.

What a process carries from trial to trial is in `State`; what the machine does, in a file beside this one.
"""

import os
import random
from pathlib import Path

import flakeproof

TICKS = Path(__file__).with_name("ticks")
LENGTH = 20
DRIFT_ENDS = 400


class State:
    """Of this process."""

    bad = False
    ran = 0
    burst = 0


def chance() -> random.Random:
    """Of this trial: it hangs on the seeds of the comparison alone."""
    return random.Random(flakeproof.current_trial().seed)


def fail(unless: bool, calls: int = 2) -> None:
    """Fail, but not `unless`; so deep that it is the same kind of failure whoever called."""
    if not unless and calls:
        fail(unless, calls - 1)
    elif not unless:
        raise ValueError("bad luck")


def ticks() -> int:
    """Trials of both arms before this one, in all processes."""
    with TICKS.open("ab") as file:
        file.write(b".")
        return file.tell() - 1


def turning_bad() -> None:
    """One in 20 trials spoils its process, which then fails in 60 % for the rest of its life."""
    draws = chance()
    State.bad = State.bad or draws.random() < 0.05
    fail(unless=not State.bad or draws.random() > 0.6)


def bursts_of_a_process() -> None:
    """From one in 20 trials on, 20 in a row fail in this process."""
    if not State.burst and chance().random() < 0.05:
        State.burst = LENGTH
    State.burst = max(0, State.burst - 1)
    fail(unless=not State.burst)


def bursts_of_the_machine() -> None:
    """One in five of all stretches of 20 trials fails, whoever runs; they begin and end within a pair."""
    stretch = (ticks() + 7) // LENGTH
    fail(unless=random.Random(f"{TICKS.parent.name} {stretch}").random() > 0.2)


def drifting() -> None:
    """The rate falls from 20 % to 2 % in the time of the comparison."""
    fail(unless=chance().random() > 0.2 - 0.18 * min(1, ticks() / DRIFT_ENDS))


def warming_up() -> None:
    """The first three trials of a process fail in 40 %, later ones in 5 %."""
    State.ran += 1
    fail(unless=chance().random() > (0.4 if State.ran <= 3 else 0.05))


def hash_order() -> None:
    """Half of all processes fail, in 60 %."""
    fail(unless=int(os.environ["PYTHONHASHSEED"]) % 2 == 0 or chance().random() > 0.6)


def kinds_of_a_process() -> None:
    """Each process fails in 60 %, in one of five ways."""
    kind = (ValueError, KeyError, OSError, TypeError, LookupError)[int(os.environ["PYTHONHASHSEED"]) % 5]
    if chance().random() < 0.6:
        raise kind("bad luck")


def other_names() -> None:
    """One in five fails; the arms' names are part of what the failures are known by."""
    if chance().random() < 0.2:
        raise ValueError("bad luck")
