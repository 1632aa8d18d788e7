"""Every trial knows its number and seed, and the same seed gives the same run."""

import json
import random
from typing import Any

import pytest
from tests.integration.engine.conftest import LANES, Lane, Runner, Seen

from flakeproof_worker.shared.seeds import trial_seed

COUNT = 6


def told(seen: Seen) -> dict[int, dict[str, Any]]:
    """What each trial has told."""
    return {f.trial: json.loads(f.details["exception"]["message"]) for f in seen.failures}


@pytest.mark.parametrize("lane", LANES, ids=lambda lane: lane.name)
def test_a_trial_knows_its_number_and_seed(lane: Lane, run: Runner) -> None:
    """`current_trial` is right in every lane; the environment has them where it can only mean one trial."""
    found = told(run(f"seeded:{lane.prefix}tell", lane, count=COUNT, seed=7))
    assert sorted(found) == list(range(1, COUNT + 1))
    for number, seen in found.items():
        seed = trial_seed(7, number)
        alone = lane.name not in ("threads", "tasks")
        assert (seen["number"], seen["seed"]) == (number, seed)
        assert seen["environment"] == ([str(number), str(seed)] if alone else [None, None])


@pytest.mark.parametrize("isolation", ["shared", "fork"])
def test_children_see_the_trial(isolation: str, run: Runner) -> None:
    """A child process started with the inherited environment sees it, whatever trials have done to `os.environ`."""
    for number, seen in told(run("seeded:tell_child", workers=1, count=3, isolation=isolation, seed=7)).items():
        assert seen["child"] == [str(number), str(trial_seed(7, number))]


@pytest.mark.parametrize("isolation", ["shared", "fork"])
def test_the_global_random_is_seeded(isolation: str, run: Runner) -> None:
    """Also in the trial that imports `random` first; the values are those of the seed, in any number of processes."""
    for processes in (1, 2):
        seen = run("seeded:tell_random", workers=2, processes=processes, count=4, isolation=isolation, seed=7)
        if processes == 1 and isolation == "shared":
            continue  # threads share the global random
        for number, found in told(seen).items():
            assert found["random"] == random.Random(trial_seed(7, number)).random()


@pytest.mark.long
def test_many_trials_leak_nothing(run: Runner) -> None:
    """Showing each trial its number and seed costs a process no memory."""
    seen = run("seeded:resident", workers=1, count=250_000)
    first, last = (int(f.message.split()[-1]) for f in sorted(seen.failures, key=lambda f: f.trial))
    assert last - first < 1_000  # pages of 4 KiB; setenv would leak 3,000
