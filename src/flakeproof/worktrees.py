"""The worktrees of git that we have made in repositories of users: a repository forgets each of them again."""

import fcntl
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SUFFIX = ".worktrees"
_PATIENCE = 20.0


def record_of(checkout: Path) -> Path:
    """The file beside `checkout`, in a temporary folder of ours, that names its worktrees."""
    return checkout.with_name(checkout.name + _SUFFIX)


def record(checkout: Path, common: Path, folder: Path) -> None:
    """Write down that the repository `common` will know of `folder`, which belongs to `checkout`.

    Should we be killed, the next run reads it. Raises OSError.
    """
    with record_of(checkout).open("a") as file:
        file.write(json.dumps([str(common), str(folder)]) + "\n")


def recorded(parent: int, path: str) -> list[tuple[Path, str]]:
    """What was written down in the folder open as `parent`: repositories, and worktrees below its `path`."""
    found: list[tuple[Path, str]] = []
    with suppress(OSError, ValueError, TypeError):
        for name in os.listdir(parent):
            if not name.endswith(_SUFFIX):
                continue
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
            with open(descriptor, "rb") as file:  # noqa: PTH123 - of a descriptor
                for line in file:
                    common, folder = json.loads(line)
                    if str(folder).startswith(path + "/"):
                        found.append((Path(common), folder))
    return found


def forget(worktrees: list[tuple[Path, str]]) -> None:
    """Have repositories forget worktrees whose files have gone; what does not work now is left to the next `verify`."""
    for common, folder in reversed(worktrees):
        with suppress(OSError, subprocess.SubprocessError), alone_in(common):
            subprocess.run(
                ["git", "--git-dir", str(common), "worktree", "remove", "--force", "--force", folder],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PATIENCE,
                check=False,
            )
            remove_empty(common)


def remove_empty(common: Path) -> None:
    """Remove the folder of all worktrees if there are none: git leaves it behind now and then. Raises OSError."""
    worktrees = common / "worktrees"
    if worktrees.is_dir() and not any(worktrees.iterdir()):
        worktrees.rmdir()


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait for others of us: git makes and removes the folder of all worktrees without regard to a second git."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # a file system without locks; two at once are rare
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
