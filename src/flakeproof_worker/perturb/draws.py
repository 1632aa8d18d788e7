"""What is drawn for a trial, from its seed alone: nothing here touches the generator that tests use."""

import random
from collections.abc import Sequence


def generator(seed: int, *names: object) -> random.Random:
    """A generator of its own for each purpose, named by `names`, in the trial with this seed."""
    return random.Random(":".join(map(str, ("flakeproof", seed, *names))))


def active(seed: int, shares: Sequence[float]) -> list[bool]:
    """Which of several things take place in the trial with this seed; each does in such a share of all trials."""
    draw = generator(seed, "active").random
    return [draw() < share for share in shares]
