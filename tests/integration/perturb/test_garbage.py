"""What --gc does."""

from tests.integration.perturb.conftest import Runner

CYCLE = """
import gc

class Holder:
    closed = 0

    def __init__(self):
        self.me = self

    def __del__(self):
        Holder.closed += 1

def during():
    Holder.closed = 0
    Holder()
    kept = [[] for _ in range(400)]
    assert not Holder.closed, "collected in the middle"

def at_the_end():
    before = Holder.closed
    Holder()
    assert before == AFTER[0], f"{before} of {AFTER[0]} collected"
    AFTER[0] += 1

AFTER = [0]

def restored():
    assert gc.get_threshold()[0] < 100, gc.get_threshold()
"""


def test_finalisers_run_in_the_middle(run: Runner) -> None:
    """Where Python would have waited."""
    assert run(CYCLE, "during").failed == 0
    assert run(CYCLE, "during", gc=50).failed == 20


def test_garbage_does_not_outlive_its_trial(run: Runner) -> None:
    """What a trial leaves is collected before the next one begins; otherwise it is there for longer."""
    assert run(CYCLE, "at_the_end", gc=100_000).failed == 0
    assert run(CYCLE, "at_the_end").failed > 0


def test_off_means_never(run: Runner) -> None:
    """Until the test has ended, however much it allocates."""
    code = CYCLE.replace("range(400)", "range(20_000)")
    assert run(code, "during", count=3).failed == 3
    assert run(code, "during", count=3, gc="off").failed == 0
    assert run(code, "at_the_end", count=3, gc="off").failed == 0
