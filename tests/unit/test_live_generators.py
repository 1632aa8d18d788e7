"""Which generators start anew in each fork: those that have started from entropy."""

import copy
import random
from typing import Any

import numpy
import pytest

from flakeproof_worker.generators import LiveGenerators, SeedWatch


class Own(random.Random):
    """A subclass."""


class Stubborn(random.Random):
    """One that takes no seed but when it is made."""

    def seed(self, *given: object) -> None:
        """Refuse all others."""
        if given != (None,):
            raise TypeError("no seeds here")
        super().seed()


def test_generators_of_random() -> None:
    """From entropy, by whatever way: from the trial's seed. With a seed or a state of its own: left alone."""
    watch = LiveGenerators()
    before = random.Random.seed
    drawn, own, reseeded = random.Random(), Own(), random.Random(5)
    reseeded.seed()
    named, late, restored, stubborn = random.Random(7), random.Random(), random.Random(), Stubborn()
    late.seed(7)
    restored.setstate(named.getstate())
    copied = copy.copy(drawn)
    reseed = watch.stop()
    assert random.Random.seed is not before

    varied, kept = (drawn, own, reseeded), (named, late, restored, copied, stubborn)
    before_all = [one.getstate() for one in kept]
    seen = []
    for seed in (1, 1, 2):
        reseed(seed)
        seen.append([one.random() for one in varied])
    assert seen[0] == seen[1]
    assert len({*seen[0], *seen[2]}) == 2 * len(varied)
    assert [one.getstate() for one in kept] == before_all


def test_generators_that_are_gone_or_for_secrets() -> None:
    """Nobody has them any more, or nobody can seed them."""
    watch = LiveGenerators()
    random.Random()
    secret = random.SystemRandom()
    watch.stop()(1)
    assert secret.random() != secret.random()


def test_generators_of_numpy() -> None:
    """New and old ones, and those that were spawned."""
    watch = LiveGenerators()
    new, old = numpy.random.default_rng(), numpy.random.RandomState()
    spawned = [numpy.random.default_rng(seed) for seed in numpy.random.SeedSequence().spawn(2)]
    philox = numpy.random.Generator(numpy.random.Philox())
    named, old_named = numpy.random.default_rng(7), numpy.random.RandomState(7)
    reseed = watch.stop()
    varied: list[Any] = [new.random, old.random_sample, *(one.random for one in spawned), philox.random]
    seen = []
    for seed in (1, 1, 2):
        reseed(seed)
        seen.append([float(draw()) for draw in varied])
    assert seen[0] == seen[1]
    assert len({*seen[0], *seen[2]}) == 2 * len(varied)
    assert named.random() == numpy.random.default_rng(7).random()
    assert old_named.random_sample() == numpy.random.RandomState(7).random_sample()


@pytest.mark.parametrize(
    ("seeds", "keeps"), [([(5,)], True), ([()], False), ([(None,)], False), ([(5,), ()], False), ([(), (5,)], True)]
)
def test_a_seed_from_entropy_is_no_wish_for_the_same_again(seeds: list[tuple[int | None, ...]], keeps: bool) -> None:
    """`random.seed()` at import is none; `random.seed(5)` is one."""
    watch = SeedWatch(["random"])
    seed: Any = random.seed
    for given in seeds:
        seed(*given)
    assert watch.stop() == ({"random"} if keeps else set())
