"""A draw at import that hardly ever matters."""

import random

CHOSEN = random.SystemRandom().random()


def test_chosen():
    """One process in twenty fails."""
    assert CHOSEN > 0.05
