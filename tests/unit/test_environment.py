"""The environment of a trial, seen by C code."""

import ctypes
import os
from collections.abc import Iterator
from unittest import mock

import pytest

from flakeproof_worker import environment


def in_c(name: str) -> bytes | None:
    """What getenv(3) says."""
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_char_p
    found: bytes | None = getenv(name.encode())
    return found


@pytest.fixture
def clean() -> Iterator[None]:
    """Leave neither variable behind."""
    yield
    environment.clear()


@pytest.mark.usefixtures("clean")
def test_python_and_c_see_the_same() -> None:
    """Number and seed of the latest trial, shorter ones included."""
    exporter = environment.Exporter()
    for trial, seed in [(1_000_000, 4_000_000_000), (7, 8)]:
        exporter.show(trial, seed)
        assert (os.environ["FLAKEPROOF_TRIAL"], os.environ["FLAKEPROOF_SEED"]) == (str(trial), str(seed))
        assert (in_c("FLAKEPROOF_TRIAL"), in_c("FLAKEPROOF_SEED")) == (b"%d" % trial, b"%d" % seed)


@pytest.mark.usefixtures("clean")
def test_a_trial_that_changes_the_environment_does_not_stop_it() -> None:
    """After the environment was cleared, restored or overwritten, the next trial is shown again."""
    exporter = environment.Exporter()
    exporter.show(1, 11)
    with mock.patch.dict(os.environ, clear=True):
        assert in_c("FLAKEPROOF_TRIAL") is None
    exporter.show(2, 12)
    assert (in_c("FLAKEPROOF_TRIAL"), in_c("FLAKEPROOF_SEED")) == (b"2", b"12")
    os.environ["FLAKEPROOF_SEED"] = "mine"
    exporter.show(3, 13)
    assert (in_c("FLAKEPROOF_TRIAL"), in_c("FLAKEPROOF_SEED")) == (b"3", b"13")


def test_clear_removes_both() -> None:
    """Where several trials share a process, neither variable is there."""
    environment.Exporter().show(1, 2)
    environment.clear()
    assert (in_c("FLAKEPROOF_TRIAL"), "FLAKEPROOF_SEED" in os.environ) == (None, False)


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize("first", [1, 998, 1000, 123_456, 4_000_999])
@pytest.mark.parametrize("count", [0, 1, 999, 1000, 2500])
def test_each_in_turn(first: int, count: int) -> None:
    """Every trial of a block is shown when its turn has come, with its own number and seed."""
    seeds = [4_294_967_295 - 7 * place for place in range(count)]
    seen = [
        (trial, seed, os.environ["FLAKEPROOF_TRIAL"], os.environ["FLAKEPROOF_SEED"])
        for trial, seed in environment.Exporter().each(first, seeds)
    ]
    assert seen == [(trial, seed, str(trial), str(seed)) for trial, seed in enumerate(seeds, first)]
