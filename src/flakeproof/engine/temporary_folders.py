"""The temporary folder of a run: it is removed with the run or, if the run is killed, by the next one."""

import fcntl
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_IMODE, S_ISREG

from flakeproof import worktrees
from flakeproof.errors import CannotRunError
from flakeproof.text import number
from flakeproof_worker.system import removal
from flakeproof_worker.system.removal import Left

_PREFIX = "flakeproof-"
_CLAIM = ".running"
"""A file locked by the run that uses the folder; the lock ends with the process, however that ends."""
_ATTEMPTS = 100
_NAMED = 3
_MODE = 0o700


def _print_warning(text: str) -> None:
    print(f"flakeproof: warning: {text}", file=sys.stderr)


@contextmanager
def temporary_root(warn: Callable[[str], None] = _print_warning) -> Iterator[str]:
    """A folder for the folders of trials; its name is short, as sockets may be put there (108 bytes, unix(7)).

    It is removed at the end or, if this process is killed, by the next run. `warn` is called with what cannot be
    removed. Raises CannotRunError if the folder cannot be made, or without /proc.
    """
    if not Path("/proc/self/environ").exists():
        raise CannotRunError(
            "there is no /proc here, which flakeproof needs to find processes that tests leave running",
            "mount it (mount -t proc proc /proc), or run flakeproof outside this container",
        )
    remove_deserted(warn)
    try:
        path, claim = _make()
    except OSError as error:
        raise CannotRunError(
            f"cannot make a temporary folder in {tempfile.gettempdir()}: {error.strerror}", "make room, or set TMPDIR"
        ) from None
    try:
        yield path
    finally:
        for text in _texts(removal.remove(path, _CLAIM)):
            warn(text)
        os.close(claim)


def remove_deserted(warn: Callable[[str], None]) -> None:
    """Remove the folders of runs that were killed before they could remove them.

    Only real folders of this user that no other user can write to are considered, and by descriptor: in a folder shared
    by all users, a name can be a link, or become one at any time.
    """
    temporary = tempfile.gettempdir()
    with suppress(OSError):
        parent = os.open(temporary, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in sorted(os.listdir(parent)):  # noqa: PTH208 - of a descriptor
                if name.startswith(_PREFIX):
                    with suppress(OSError):  # another user's, in use, or gone already
                        for text in _texts(_remove_if_deserted(parent, name, temporary)):
                            warn(f"left by an earlier run: {text}")
        finally:
            os.close(parent)


def _make() -> tuple[str, int]:
    """Make and claim the folder; return its path and the descriptor of the claim."""
    for _ in range(_ATTEMPTS):
        path = tempfile.mkdtemp(prefix=_PREFIX)
        with suppress(FileNotFoundError):  # another run has mistaken the folder for a deserted one and removed it
            claim = os.open(f"{path}/{_CLAIM}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(claim, fcntl.LOCK_EX)
            # Before this process got the lock, another run may have had it and removed the folder.
            if os.path.samestat(os.fstat(claim), Path(path, _CLAIM).stat()):
                return path, claim
            os.close(claim)
    raise FileNotFoundError(f"{path} disappears as soon as it is made")


def _remove_if_deserted(parent: int, name: str, temporary: str) -> list[Left]:
    folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        status = os.fstat(folder)
        if status.st_uid != os.geteuid() or S_IMODE(status.st_mode) != _MODE:
            return []
        try:
            claim = os.open(_CLAIM, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except FileNotFoundError:
            os.rmdir(name, dir_fd=parent)  # its run was killed while starting; a living run makes another folder
            return []
        try:
            if not S_ISREG(os.fstat(claim).st_mode):
                return []
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            known = worktrees.recorded(folder, f"{temporary}/{name}")
            left = removal.remove_in(parent, name, temporary, _CLAIM)
            worktrees.forget(known)
            return left
        finally:
            os.close(claim)
    finally:
        os.close(folder)


def _texts(left: Sequence[Left]) -> Iterator[str]:
    """Warnings about what could not be removed, each with the command that removes it."""
    rest: list[Left] = []
    for found in left:
        if found.is_mount:
            yield (
                f"{found.path} is still mounted: nothing in it was touched; "
                f"unmount it with umount {shlex.quote(found.path)} and the next run removes the rest"
            )
        else:
            rest.append(found)
    if rest:
        named = ", ".join(found.path for found in rest[:_NAMED])
        more = f" and {number(len(rest) - _NAMED)} more" if len(rest) > _NAMED else ""
        folder = shlex.quote(os.path.commonpath([str(Path(found.path).parent) for found in rest]))
        if len(rest) < len(left):  # a command for the whole folder would also affect what is mounted in it
            remedy = "once nothing is mounted there, the next run tries again"
        elif all(found.is_permitted for found in rest):
            remedy = f"remove it with sudo rm -r {folder}"
        else:
            remedy = f"permit that with chattr -R -i -a {folder} and the next run removes it"
        yield f"{named}{more} cannot be removed ({rest[0].reason}); {remedy}"
