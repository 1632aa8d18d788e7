"""FLAKEPROOF_TRIAL and FLAKEPROOF_SEED, where a process runs one trial at a time."""

import ctypes
import os
from collections.abc import Callable, Collection
from typing import Any

TRIAL = "FLAKEPROOF_TRIAL"
SEED = "FLAKEPROOF_SEED"
_DIGITS = 24


class _Buffer:
    """Memory for one `NAME=digits` that C code and child processes read in place.

    `os.environ[...] = ...` calls setenv(3), and glibc keeps every value it was ever given: a million trials would
    leak tens of megabytes. putenv(3) takes our own memory instead, so that it can be rewritten. It is never freed,
    because the environment may point to it for as long as the process lives.
    """

    def __init__(self, name: str, libc: Any) -> None:
        prefix = f"{name}=".encode()
        self._libc = libc
        libc.malloc.restype = ctypes.c_void_p
        address = libc.malloc(len(prefix) + _DIGITS)
        ctypes.memmove(address, prefix + b"0\0", len(prefix) + 2)
        self._memory = ctypes.c_void_p(address)
        self.digits = (ctypes.c_char * _DIGITS).from_address(address + len(prefix))

    def put(self) -> None:
        """Make this memory the variable's place in the environment."""
        if self._libc.putenv(self._memory):
            raise MemoryError("putenv failed")


def decimal(numbers: Collection[int]) -> list[bytes]:
    """The digits of each number; all at once costs half of one by one."""
    return (b"%d " * len(numbers) % tuple(numbers)).split()


def exporter() -> Callable[[bytes, bytes], None]:
    """Return a function that shows a trial's number and seed, as digits, to this process and to children of it.

    A trial may change both, or clear the whole environment and restore it later, as unittest.mock.patch.dict does;
    then `os.environ` no longer holds the very object that was put there, and the variables are put in place anew.
    """
    libc = ctypes.CDLL(None)
    trial_buffer, seed_buffer = _Buffer(TRIAL, libc), _Buffer(SEED, libc)
    trial_digits, seed_digits = trial_buffer.digits, seed_buffer.digits
    trial_key, seed_key = TRIAL.encode(), SEED.encode()
    known: dict[bytes, bytes] = os.environ._data  # type: ignore[attr-defined]  # the only way past setenv
    shown_trial = shown_seed = b""
    get = known.get

    def show(trial: bytes, seed: bytes) -> None:
        nonlocal shown_trial, shown_seed
        if get(trial_key) is not shown_trial or get(seed_key) is not shown_seed:
            trial_buffer.put()
            seed_buffer.put()
        known[trial_key] = trial_digits.value = shown_trial = trial
        known[seed_key] = seed_digits.value = shown_seed = seed

    return show


def clear() -> None:
    """Remove both: where several trials share a process, a variable could only lie."""
    os.environ.pop(TRIAL, None)
    os.environ.pop(SEED, None)
