"""The specification of a run (`spec.json`), its signature, and the values that a record must not contain."""

import hmac
import math
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from flakeproof.errors import UsageError
from flakeproof.model import CommandTarget, RunSpec, Target
from flakeproof.store.file import as_json, as_written

_BYTES = 32
_NAME = "key"


def _state_folder() -> Path:
    """The folder for persistent state of programs (XDG Base Directory Specification 0.8)."""
    named = os.environ.get("XDG_STATE_HOME", "")
    home = Path(named) if os.path.isabs(named) else Path("~/.local/state").expanduser()  # noqa: PTH117 - "" is none
    return home / "flakeproof"


def user_key(*, make: bool = False) -> bytes | None:
    """The user's key, made if missing with `make`; None if it cannot be read, or other users can read it."""
    folder = _state_folder()
    found = _read(folder / _NAME)
    if found is None and make:
        with suppress(OSError, RuntimeError):
            _make(folder)
        found = _read(folder / _NAME)
    return found


def signed(data: bytes, purpose: str, *, make: bool = False) -> str | None:
    """A mark of `data` for a `purpose` that can only be made with the key (HMAC-SHA-256, RFC 2104); None without it."""
    key = user_key(make=make)
    return None if key is None else hmac.new(key, purpose.encode() + b"\0" + data, "sha256").hexdigest()


def _read(path: Path) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            return None
        key = file.read(_BYTES)
    return key if len(key) == _BYTES else None


def _make(folder: Path) -> None:
    """Make the key under another name first, so that no other run ever reads an incomplete key."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f"{_NAME}.{os.getpid()}.{secrets.token_hex(4)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
        with suppress(FileExistsError):
            os.link(draft, folder / _NAME)
    finally:
        draft.unlink()


_MARK = "withheld:hmac-sha256:"
_PURPOSE_WITHHELD = "value of a variable"


def without_values(spec: RunSpec) -> RunSpec:
    """`spec` without the values of the user's variables, as it may be recorded."""
    return msgspec.structs.replace(spec, target=_without_values(spec.target))


def with_values(spec: RunSpec, given: Mapping[str, str], around: Mapping[str, str]) -> tuple[RunSpec, list[str]]:
    """A recorded `spec` completed to run again: with the values `given`, else with those of the environment `around`.

    Also returns the names of variables known to have other values than in the run. Raises UsageError for a variable
    without a value, and for one that the run did not have.
    """
    target = spec.target
    names = target.private if isinstance(target, CommandTarget) else []
    for name in given:
        if name not in names:
            raise UsageError(f"--env {name}: the run was not given that variable", "leave it out")
    values = {name: given.get(name, around.get(name)) for name in names}
    if missing := [name for name, value in values.items() if value is None]:
        raise UsageError(
            f"the run was given {' and '.join(missing)} with --env, and its record does not have the value",
            f"give it again: --env {missing[0]}=VALUE, or set it in the environment",
        )
    found = {name: value for name, value in values.items() if value is not None}
    differing = [name for name, value in found.items() if _is_other(value, target.environment.get(name, ""))]
    again = msgspec.structs.replace(target, environment={**target.environment, **found})
    return msgspec.structs.replace(spec, target=again), differing


def _without_values(target: Target) -> Target:
    if not isinstance(target, CommandTarget) or not target.private:
        return target
    digests = {name: _digest(target.environment[name]) for name in target.private}
    return msgspec.structs.replace(target, environment={**target.environment, **digests})


def _digest(value: str) -> str:
    # Without the user's key, a digest would allow guessing the value; a random one reveals nothing.
    return _MARK + (
        signed(value.encode(errors="surrogateescape"), _PURPOSE_WITHHELD, make=True) or secrets.token_hex(32)
    )


def _is_other(value: str, recorded: str) -> bool:
    mark = signed(value.encode(errors="surrogateescape"), _PURPOSE_WITHHELD)
    return mark is not None and not hmac.compare_digest(recorded.encode(), (_MARK + mark).encode())


SPEC_NAME = "spec.json"
MARK_NAME = "spec.mark"
PAIRS_NAME = "pairs.jsonl"
"""The record in the folder of a comparison, which has no log of its own; its arms have."""
BISECT_NAME = "bisect.jsonl"
"""The record in the folder of a bisection."""
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
    """The specification of the run in `folder`. Raises UsageError if it is missing or makes no sense."""
    try:
        spec = msgspec.json.decode((folder / SPEC_NAME).read_bytes(), type=RunSpec)
        _check(msgspec.to_builtins(spec), "")
    except (OSError, msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise UsageError(f"{folder / SPEC_NAME} cannot be used: {reason}", "its record is not complete") from None
    return as_written(spec)


def is_ours(folder: Path) -> bool:
    """Whether flakeproof has written the specification in `folder`, for this user on this machine."""
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
    """Raise ValueError for a value that no run of flakeproof can have had."""
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


class _Target(msgspec.Struct):
    name: str


class _Spec(msgspec.Struct):
    target: _Target


class _Arm(msgspec.Struct):
    name: str
    spec: _Spec


class _Arms(msgspec.Struct):
    arms: list[_Arm]


class _Started(msgspec.Struct):
    spec: _Arms
    runs: list[str]


class RecordedArm(msgspec.Struct, frozen=True):
    """An arm, as a comparison's record names it."""

    name: str
    run: str
    """Id of the run that has its trials."""
    target: str


def arms_of(folder: Path) -> list[RecordedArm] | None:
    """The arms that the first line of the record names; None if it is not the record of a comparison."""
    with suppress(OSError, msgspec.DecodeError), (folder / PAIRS_NAME).open("rb") as file:
        started = msgspec.json.decode(file.readline(), type=_Started)
        return [
            RecordedArm(arm.name, run, arm.spec.target.name)
            for arm, run in zip(started.spec.arms, started.runs, strict=True)
        ]
    return None


class _Bisected(msgspec.Struct):
    target: str


class _BisectStarted(msgspec.Struct):
    spec: _Bisected


def bisected_in(folder: Path) -> str | None:
    """The target that the first line of the record names; None if it is not the record of a bisection."""
    with suppress(OSError, msgspec.DecodeError), (folder / BISECT_NAME).open("rb") as file:
        return msgspec.json.decode(file.readline(), type=_BisectStarted).spec.target
    return None
