"""Folders are listed in another order within a trial: by name, by age, or shuffled by the trial's seed.

What lists folders without asking `os`, such as the import system and C code, gets the order of the file system.
"""

import functools
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from flakeproof_worker.perturb.watching import PerTrial
from flakeproof_worker.shared import draws

_listdir, _scandir = os.listdir, os.scandir
SORTED, OLDEST, SHUFFLED = ORDERS = "sorted", "oldest", "shuffled"


class Listings:
    """The order of the folders that trials list."""

    def __init__(self, order: str) -> None:
        """`order` is one of `ORDERS`."""
        self._order = order
        self._seeds: PerTrial[int] = PerTrial(lambda trial, seed: seed)

    def prepare(self) -> None:
        """Replace what lists folders, before any code of the user is imported."""
        _replace("listdir", _listdir, self._of(_listdir, lambda name: name))
        _replace("scandir", _scandir, self._of(_scandir, lambda entry: entry.name))

    def begin(self, trial: int, seed: int) -> None:
        """A trial begins in this thread."""
        self._seeds.begin(trial, seed)

    def end(self, trial: int) -> None:
        """The trial has ended."""
        self._seeds.end(trial)

    def _of(self, function: Callable[..., Any], name: Callable[[Any], Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def listing(path: Any = None) -> Any:
            seed = self._seeds.now()
            found = function() if path is None else function(path)
            if seed is None:
                return found
            if isinstance(found, list):
                return self._ordered(found, name, seed, path)
            with found:
                return _Entries(self._ordered(list(found), name, seed, path))

        return listing

    def _ordered(self, found: list[Any], name: Callable[[Any], Any], seed: int, path: Any) -> list[Any]:
        """By name first, so that the same seed shuffles alike whatever the file system says.

        A folder that is listed twice comes in the same order again, as it does from a file system.
        """
        ordered = sorted(found, key=lambda one: name(one))
        if self._order == SHUFFLED:
            draws.generator(seed, "listing", len(ordered)).shuffle(ordered)
        elif self._order == OLDEST:
            ordered.sort(key=lambda one: _age(path, name(one)))
        return ordered


def _age(path: Any, name: Any) -> tuple[int, int]:
    """What is older comes first: by when it was written last, and within a tick of the kernel by its inode's number."""
    try:
        if isinstance(path, int):
            status = os.stat(name, dir_fd=path, follow_symlinks=False)
        else:
            status = os.lstat(os.path.join(os.fspath(path), name) if path is not None else name)  # noqa: PTH118
    except OSError:
        return 0, 0  # it is gone
    return status.st_mtime_ns, status.st_ino


class _Entries:
    """What `os.scandir` returns."""

    def __init__(self, found: list[Any]) -> None:
        self._rest = iter(found)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._rest)

    def __enter__(self) -> "_Entries":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget the rest: the folder itself is closed already."""
        self._rest = iter(())


def _replace(name: str, original: Any, replaced: Callable[..., Any]) -> None:
    """In `os`, which `os.walk` and most others ask, and in classes of the standard library that keep it (`glob`)."""
    setattr(os, name, replaced)
    for module in [sys.modules[name] for name in ("glob", "pathlib", "pathlib._os") if name in sys.modules]:
        for owner in [one for one in vars(module).values() if isinstance(one, type)]:
            for attribute, value in list(vars(owner).items()):
                if isinstance(value, staticmethod) and value.__func__ is original:
                    setattr(owner, attribute, staticmethod(replaced))
