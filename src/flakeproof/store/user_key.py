"""A key of this user on this machine, by which flakeproof knows again what it has written itself."""

import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

_BYTES = 32
_NAME = "key"


def _state_folder() -> Path:
    """Where a program keeps what is to outlive it (XDG Base Directory Specification 0.8)."""
    named = os.environ.get("XDG_STATE_HOME", "")
    home = Path(named) if os.path.isabs(named) else Path("~/.local/state").expanduser()  # noqa: PTH117 - "" is none
    return home / "flakeproof"


def user_key(*, make: bool = False) -> bytes | None:
    """The key; with `make` it is made where there is none. None where it cannot be read, or is not ours alone."""
    folder = _state_folder()
    found = _read(folder / _NAME)
    if found is None and make:
        with suppress(OSError, RuntimeError):
            _make(folder)
        found = _read(folder / _NAME)
    return found


def signed(data: bytes, purpose: str, *, make: bool = False) -> str | None:
    """A mark of `data` for a `purpose` that nobody can make who does not have the key (HMAC-SHA-256, RFC 2104)."""
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
    """Make the key under another name first, so that no other run ever sees half of it."""
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
