"""What --hash-seed and --random-seed decide, and what is seeded without them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flakeproof
from flakeproof.events import AnyEvent, TrialFailed
from flakeproof_worker.shared.seeds import trial_seed

Messages = Callable[..., dict[int, str]]

DRAWS = """
import random
import numpy

def check():
    raise AssertionError(f"{random.random():.6f} {numpy.random.random():.6f}")
"""
HASHES = """
import os

def check():
    raise AssertionError(f"{os.environ.get('PYTHONHASHSEED')} {hash('a')}")
"""
SHELL = ["sh", "-c", "echo seed $PYTHONHASHSEED; exit 1"]
TESTS = """
import random
{imports}

def test_draws():
    raise AssertionError(f"{{random.random():.6f}} {{{drawn}:.6f}}")
"""
PLAIN = {"imports": "", "drawn": "random.random()"}
NUMPY = {"imports": "import numpy", "drawn": "numpy.random.random()"}


@pytest.mark.parametrize("isolation", ["shared", "fork", pytest.param("fresh", marks=pytest.mark.long)])
def test_random_and_numpy_have_the_seed_of_the_trial(messages: Messages, isolation: str) -> None:
    """Also where numpy is loaded in the midst of a trial; every test has other numbers, another run the same."""
    first, again = (messages(DRAWS, isolation=isolation) for _ in range(2))

    assert first == again
    assert len(set(first.values())) == len({text.split()[1] for text in first.values()}) == 6


def test_one_seed_for_all(messages: Messages) -> None:
    """The same numbers in each test."""
    shared, forked = (messages(DRAWS, isolation=isolation, random_seed=3) for isolation in ("shared", "fork"))

    assert set(shared.values()) == set(forked.values())
    assert len(set(shared.values())) == 1


Drawn = Callable[..., list[str]]


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """Runs a test that draws numbers; what they were each time."""

    def run(code: dict[str, str], *, at_import: str = "", isolation: str = "fork", **options: Any) -> list[str]:
        text = TESTS.format(**code | {"imports": f"{code['imports']}\n{at_import}"})
        (tmp_path / "test_it.py").write_text(text)
        monkeypatch.chdir(tmp_path)
        found: list[str] = []

        def hear(event: AnyEvent) -> None:
            if isinstance(event, TrialFailed):
                found.append(event.failure.message)

        settings: dict[str, Any] = {"count": 3, "seed": 7, "workers": 1, "isolation": isolation, "on_event": hear}
        flakeproof.run(flakeproof.pytest_nodes("test_it.py"), store=tmp_path / "store", **settings | options)
        return found

    return run


def test_tests_that_seed_at_import(drawn: Drawn) -> None:
    """They keep that, unless a seed of each test was asked for; without it each has its own anyway."""
    kept, each = (drawn(PLAIN, at_import="random.seed(1)", **options) for options in ({}, {"random_seed": "each"}))

    assert len(set(kept)) == 1
    assert len(set(each)) == 3
    assert each == drawn(PLAIN, isolation="shared")


@pytest.mark.long
@pytest.mark.parametrize("isolation", ["fork", "shared"])
def test_tests_that_seed_numpy_at_import(drawn: Drawn, isolation: str) -> None:
    """The same with numpy, in each kind of process."""
    seeded = {"at_import": "random.seed(1); numpy.random.seed(1)", "isolation": isolation}
    kept, each, fixed = (
        drawn(NUMPY, **seeded, **options) for options in ({}, {"random_seed": "each"}, {"random_seed": 5})
    )

    assert len({text.split()[-1] for text in kept}) == (1 if isolation == "fork" else 3)
    assert len({text.split()[-1] for text in each}) == 3
    assert each == drawn(NUMPY, isolation=isolation)
    assert len(set(fixed)) == 1
    assert fixed[0] not in kept


def test_a_hash_seed(messages: Messages, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is that of each process, or one is drawn whatever the environment says; for commands one of each test."""
    monkeypatch.setenv("PYTHONHASHSEED", "1")

    assert {text.split()[0] for text in messages(HASHES).values()} == {"1"}
    assert {text.split()[0] for text in messages(HASHES, hash_seed=5).values()} == {"5"}
    assert {text.split()[0] for text in messages(HASHES, hash_seed="random").values()} == {str(trial_seed(7, 0))}
    drawn = {trial: f"exit status 1: seed {trial_seed(7, trial)}" for trial in range(1, 7)}
    assert messages("", SHELL, hash_seed="random") == drawn
    assert set(messages("", SHELL, hash_seed=5).values()) == {"exit status 1: seed 5"}


@pytest.mark.long
def test_a_hash_seed_of_each_test(messages: Messages) -> None:
    """In an interpreter of its own."""
    drawn = messages(HASHES, isolation="fresh", hash_seed="random", count=3)

    assert {trial: text.split()[0] for trial, text in drawn.items()} == {n: str(trial_seed(7, n)) for n in (1, 2, 3)}
    assert {text.split()[0] for text in messages(HASHES, isolation="fresh", hash_seed=5, count=3).values()} == {"5"}


ENTROPY = {"imports": "", "drawn": "random.Random().random()"}
SECRETS = """
import os, secrets, uuid

def check():
    raise AssertionError(f"{uuid.uuid4()} {secrets.token_hex(4)} {os.urandom(4).hex()} {secrets.randbelow(1000)}")
"""


def test_what_no_seed_reaches_otherwise(drawn: Drawn, messages: Messages) -> None:
    """With a seed for all, or one of each test, also generators without a seed, `uuid4`, `secrets` and `os.urandom`."""
    free, again, own, own_again = (
        [text.split()[-1] for text in drawn(ENTROPY, **options)]
        for options in ({}, {}, {"random_seed": "each"}, {"random_seed": "each"})
    )
    assert free != again
    assert own == own_again
    assert len(set(own)) == 3
    assert len(set(messages(SECRETS, isolation="fork").values())) == 6
    for isolation in ("fork", "shared"):
        assert len(set(messages(SECRETS, isolation=isolation, random_seed=3).values())) == 1
