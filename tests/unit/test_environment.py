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
    show = environment.exporter()
    for trial, seed in [(1_000_000, 4_000_000_000), (7, 8)]:
        show(b"%d" % trial, b"%d" % seed)
        assert (os.environ["FLAKEPROOF_TRIAL"], os.environ["FLAKEPROOF_SEED"]) == (str(trial), str(seed))
        assert (in_c("FLAKEPROOF_TRIAL"), in_c("FLAKEPROOF_SEED")) == (b"%d" % trial, b"%d" % seed)


@pytest.mark.usefixtures("clean")
def test_a_trial_that_changes_the_environment_does_not_stop_it() -> None:
    """After the environment was cleared, restored or overwritten, the next trial is shown again."""
    show = environment.exporter()
    show(b"1", b"11")
    with mock.patch.dict(os.environ, clear=True):
        assert in_c("FLAKEPROOF_TRIAL") is None
    show(b"2", b"12")
    assert (in_c("FLAKEPROOF_TRIAL"), in_c("FLAKEPROOF_SEED")) == (b"2", b"12")
    os.environ["FLAKEPROOF_SEED"] = "mine"
    show(b"3", b"13")
    assert (in_c("FLAKEPROOF_TRIAL"), in_c("FLAKEPROOF_SEED")) == (b"3", b"13")


def test_clear_removes_both() -> None:
    """Where several trials share a process, neither variable is there."""
    environment.exporter()(b"1", b"2")
    environment.clear()
    assert (in_c("FLAKEPROOF_TRIAL"), "FLAKEPROOF_SEED" in os.environ) == (None, False)


def test_digits_of_many_numbers() -> None:
    """One entry for each number, in order; none for none."""
    assert environment.decimal([7, 4_000_000_000, 0]) == [b"7", b"4000000000", b"0"]
    assert environment.decimal(range(0)) == []
