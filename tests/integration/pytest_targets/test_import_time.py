"""What is made at import: a fork inherits it. Generators start anew in each; of the rest new processes tell."""

from collections import Counter
from typing import Any

import pytest
from tests.integration.pytest_targets.conftest import Seen, Suite

from flakeproof.engine.renewal import Renewal
from flakeproof.events import TrialsPassed
from flakeproof.model import Answer
from flakeproof.stats.detection import zero_failure_bound

GENERATORS = """
    import random, numpy
    FREE, NAMED = random.Random(), random.Random(4)
    FREE_NUMPY, NAMED_NUMPY = numpy.random.default_rng(), numpy.random.default_rng(4)
    def test_it():
        drawn = [FREE.random(), FREE_NUMPY.random(), NAMED.random(), NAMED_NUMPY.random()]
        raise ValueError(" ".join(map(str, drawn)))
"""


def drawn(seen: Seen) -> list[list[str]]:
    """What each trial has told, in the order of their numbers."""
    failures = sorted(seen.failures, key=lambda one: one.trial)
    return [one.details["exception"]["message"].split() for one in failures]


def test_generators_start_from_the_seed_of_the_trial(suite: Suite) -> None:
    """Those that nobody has seeded: in each fork another number, and the same again in another process."""
    suite.write(test_it=GENERATORS)
    found = drawn(suite.run("test_it.py", count=4, workers=2, processes=2))
    for free in (0, 1):
        assert len({one[free] for one in found}) == 4
    for named in (2, 3):
        assert len({one[named] for one in found}) == 1
    assert drawn(suite.run("test_it.py", count=4)) == found


@pytest.mark.parametrize("call", ["", "None"])
def test_the_global_generator_that_is_seeded_from_entropy(suite: Suite, call: str) -> None:
    """Nobody wants the same in each trial who calls `random.seed()`."""
    suite.write(
        test_it=f"""
            import random
            random.seed({call})
            def test_it(): raise ValueError(str(random.random()))
        """
    )
    assert len({one[0] for one in drawn(suite.run("test_it.py", count=3))}) == 3


@pytest.mark.long
def test_processes_give_way_to_new_ones(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a run goes on, each with another hash seed; and the summary says of how many it speaks."""
    monkeypatch.setattr(Renewal, "started", lambda *_: None)  # as if a new process cost nothing: each serves once,
    monkeypatch.setattr(Renewal, "ended", lambda *_: None)  # however fast or slow the machine is
    suite.write(test_it="def test_it(): pass")
    seen = suite.run("test_it.py", count=24, workers=2, processes=2)
    trials: Counter[int] = Counter()
    for event in seen.events:
        if isinstance(event, TrialsPassed):
            trials[event.process] += event.count
    assert len(trials) > 2
    fixed = seen.summary.fixed_once
    assert fixed is not None
    assert fixed.processes == len(trials)
    assert fixed.interval.high == pytest.approx(zero_failure_bound(len(trials), 0.95))


def test_a_question_is_not_answered_by_forks_alone(suite: Suite) -> None:
    """What a process fixes once takes processes: as many as keep the error, with a test in each."""
    suite.write(test_it="def test_it(): pass")
    settings: dict[str, Any] = {"count": None, "until_confident": True, "rate": "10%", "workers": 2, "processes": 2}
    seen = suite.run("test_it.py", **settings, process_rate="40%")
    finding = seen.summary.finding
    assert finding is not None
    assert (finding.answer, finding.process_rate) == (Answer.BELOW, 0.4)
    assert finding.processes >= 6
    assert finding.process_below >= 20
    assert any("more new processes" in note for note in seen.notes)
