"""Two processes claim a file by looking whether it is there; between looking and creating the other one may do so."""

import multiprocessing
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

_HELD = 0
_TAKEN = 1
_BOTH = 2


def claim(path: Path) -> int:
    """Not safe."""
    owner = str(os.getpid())
    if path.exists():
        return _TAKEN
    text = f"{owner}\n"
    try:
        with path.open("x") as file:  # RACE
            file.write(text)
    except FileExistsError:
        return _BOTH
    return _HELD


def claim_atomically(path: Path) -> int:
    """Safe."""
    owner = str(os.getpid())
    text = f"{owner}\n"
    try:
        with path.open("x") as file:
            file.write(text)
    except FileExistsError:
        return _TAKEN
    return _HELD


def racy() -> None:
    """Fails when both have seen that it was free."""
    _check(claim)


def fixed() -> None:
    """Never fails."""
    _check(claim_atomically)


def _check(how: Callable[[Path], int]) -> None:
    folder = tempfile.mkdtemp()
    path = Path(folder, "pid")
    start = multiprocessing.get_context("fork").Process
    claimants = [start(target=_claimant, args=(how, path)) for _ in range(2)]
    for claimant in claimants:
        claimant.start()
    for claimant in claimants:
        claimant.join()
    codes = sorted(claimant.exitcode or 0 for claimant in claimants)
    shutil.rmtree(folder)
    assert codes == [_HELD, _TAKEN], "both claimed it"


def _claimant(how: Callable[[Path], int], path: Path) -> None:
    sys.exit(how(path))
