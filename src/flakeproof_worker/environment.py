"""The environment variables FLAKEPROOF_TRIAL and FLAKEPROOF_SEED, where a process runs one trial at a time."""

import ctypes
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from flakeproof_worker.shared.private import os

TRIAL = "FLAKEPROOF_TRIAL"
SEED = "FLAKEPROOF_SEED"
RUN = "FLAKEPROOF_RUN"
"""Holds the run id in every process of a run; in a run inside another run, the outer run's id comes before it."""
_DIGITS = 24
_SHARED = 1000
_TAILS = [b"%03d" % tail for tail in range(_SHARED)]


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


def _decimal(numbers: Collection[int]) -> list[bytes]:
    """The digits of each number; converting all at once costs half as much as one by one."""
    return (b"%d " * len(numbers) % tuple(numbers)).split()


def _decimal_from(first: int, count: int) -> list[bytes]:
    """The digits of `count` numbers from `first` on."""
    if first < _SHARED or count < _SHARED:
        return _decimal(range(first, first + count))
    # Many numbers share all but their last digits, which halves the cost again.
    digits: list[bytes] = []
    for shared in range(first // _SHARED, (first + count - 1) // _SHARED + 1):
        head = b"%d" % shared
        digits += (head + (b" " + head).join(_TAILS)).split()
    skipped = first % _SHARED
    return digits[skipped : skipped + count]


class Exporter:
    """Shows the number and seed of a trial to this process and its children, as digits."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None)
        self._buffers = _Buffer(TRIAL, libc), _Buffer(SEED, libc)

    def show(self, trial: int, seed: int) -> None:
        """Show one trial."""
        next(self.each(trial, [seed]))

    def each(self, first: int, seeds: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Show the trial numbered `first` and those after it, each when its number and seed are asked for.

        A trial may change both variables, or clear the whole environment and restore it later, as
        unittest.mock.patch.dict does; then `os.environ` no longer holds the very object that was put there, and the
        variables are put in place anew.
        """
        # A loop with local variables only: it is a third of the cost of a trial that does nothing.
        trial_buffer, seed_buffer = self._buffers
        trial_digits, seed_digits = trial_buffer.digits, seed_buffer.digits
        trial_key, seed_key = TRIAL.encode(), SEED.encode()
        known: dict[bytes, bytes] = os.environ._data  # type: ignore[attr-defined]  # the only way to bypass setenv
        get = known.get
        trials = _decimal_from(first, len(seeds))
        shown_trial: object = None
        shown_seed: object = object()  # nothing has been shown yet
        for running, trial, seed in zip(enumerate(seeds, first), trials, _decimal(seeds), strict=True):
            if get(trial_key) is not shown_trial or get(seed_key) is not shown_seed:
                trial_buffer.put()
                seed_buffer.put()
            known[trial_key] = trial_digits.value = shown_trial = trial
            known[seed_key] = seed_digits.value = shown_seed = seed
            yield running


def clear() -> None:
    """Remove both variables: where several trials share a process, no value would be true for all."""
    os.environ.pop(TRIAL, None)
    os.environ.pop(SEED, None)
