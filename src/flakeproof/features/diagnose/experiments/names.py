"""What the experiments are called."""

GIVEN, ALONE = "as given", "alone"
COMPANY, SHUFFLED = "company", "shuffled"
SHARED, PARALLEL, BUSY, FRESH = "shared", "parallel", "busy", "fresh"
SEEDS_AGAIN = "seeds again"
SANITIZED = "sanitized"
RACE, CLOCK = "race", "clock"
TRACED = "recorded"
PROVOKED = "provoked"


def control_of(name: str) -> str:
    """The trials that an experiment is compared with, made in turns with it."""
    return f"{name}, control"
