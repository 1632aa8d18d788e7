"""The specification of a run in its folder (`spec.json`), and beside it the mark that we have written it (`spec.mark`).

Whoever can put a specification into a store can have any program run by `flakeproof replay`: a store may come with a
checkout, or belong to somebody else. So a record that does not bear our mark is not run without being asked for.
"""

import hmac
import math
import os
from pathlib import Path
from typing import Any

import msgspec

from flakeproof.errors import UsageError
from flakeproof.model import RunSpec
from flakeproof.store.odd_bytes import as_json, as_written
from flakeproof.store.user_key import signed
from flakeproof.store.withheld import without_values

SPEC_NAME = "spec.json"
MARK_NAME = "spec.mark"
_PURPOSE = "specification of a run"
_MOST_SECONDS = 1e9
_MOST_WHOLE = 2**63
_MOST_PLACES = {"workers": 10_000, "processes": 1_000}


def write_spec(folder: Path, spec: RunSpec, *, is_ours: bool = True) -> None:
    """Write `spec` without the values of the user's variables, and the mark if it `is_ours`. Raises OSError."""
    data = msgspec.json.format(as_json(without_values(spec))) + b"\n"
    _write(folder / SPEC_NAME, data)
    if is_ours and (mark := signed(data, _PURPOSE, make=True)) is not None:
        _write(folder / MARK_NAME, mark.encode() + b"\n")


def read_spec(folder: Path) -> RunSpec:
    """The specification of the run in `folder`. Raises UsageError for one that is missing or makes no sense."""
    try:
        spec = msgspec.json.decode((folder / SPEC_NAME).read_bytes(), type=RunSpec)
        _check(msgspec.to_builtins(spec), "")
    except (OSError, msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise UsageError(f"{folder / SPEC_NAME} cannot be used: {reason}", "its record is not complete") from None
    return as_written(spec)


def is_ours(folder: Path) -> bool:
    """Whether the specification in `folder` is as we have written it, for this user on this machine."""
    try:
        data, mark = (folder / SPEC_NAME).read_bytes(), (folder / MARK_NAME).read_bytes()
    except OSError:
        return False
    ours = signed(data, _PURPOSE)
    return ours is not None and hmac.compare_digest(ours.encode(), mark.strip())


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _check(value: Any, place: str) -> None:
    """Raise ValueError for what no run of ours can have had."""
    match value:
        case dict():
            for name, inner in value.items():
                _check(name, place)
                _check(inner, f"{place}.{name}" if place else str(name))
        case list():
            for inner in value:
                _check(inner, place)
        case str() if "\0" in value:
            raise ValueError(f"{place} has a null character")
        case float() if not math.isfinite(value) or abs(value) > _MOST_SECONDS:
            raise ValueError(f"{place} is {value:g}")
        case int() if abs(value) > _MOST_WHOLE:
            raise ValueError(f"{place} is {value:,}")
    if place in _MOST_PLACES and not 0 < value <= _MOST_PLACES[place]:
        raise ValueError(f"{place} is {value:,}")
