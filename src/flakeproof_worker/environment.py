"""FLAKEPROOF_TRIAL and FLAKEPROOF_SEED, where a process runs one trial at a time."""

import ctypes
import os
from typing import Any

TRIAL = "FLAKEPROOF_TRIAL"
SEED = "FLAKEPROOF_SEED"
_DIGITS = 24


class _Variable:
    """One environment variable whose value is rewritten in place.

    `os.environ[...] = ...` calls setenv(3), and glibc keeps every value it was ever given: a million trials would
    leak tens of megabytes. putenv(3) takes our own buffer instead, so that C code and child processes read whatever
    stands in it; `os.environ` keeps its own copy, which is updated beside it.
    """

    def __init__(self, name: str, libc: Any) -> None:
        prefix = f"{name}=".encode()
        self._buffer = ctypes.create_string_buffer(prefix + b"0", len(prefix) + _DIGITS)
        self.key = name.encode()
        self.digits = (ctypes.c_char * _DIGITS).from_buffer(self._buffer, len(prefix))
        if libc.putenv(self._buffer):
            raise OSError(f"putenv {name} failed")


class TrialEnvironment:
    """Keeps the two variables at the trial that is running."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._trial = _Variable(TRIAL, libc)
        self._seed = _Variable(SEED, libc)

    def set(self, trial: int, seed: int) -> None:
        """Show `trial` and `seed` to this process and to children that it starts from now on."""
        data = os.environ._data  # type: ignore[attr-defined]  # the only way past setenv
        data[self._trial.key] = self._trial.digits.value = b"%d" % trial
        data[self._seed.key] = self._seed.digits.value = b"%d" % seed


def clear() -> None:
    """Remove both: where several trials share a process, a variable could only lie."""
    os.environ.pop(TRIAL, None)
    os.environ.pop(SEED, None)
