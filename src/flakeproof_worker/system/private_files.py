"""Folders whose files one process and its children have to themselves: what they write there is gone with them.

Each folder is seen as it is; what is changed goes into memory (overlayfs over a tmpfs, in a mount namespace of one's
own). So it can be told what a trial has changed, and another trial sees nothing of it.

Run as a program (`private_files.py ROOM FOLDER... -- COMMAND...`) it becomes the command among such folders.
Sources: overlayfs.rst of the kernel's documentation, mount_namespaces(7), proc_pid_mountinfo(5).
"""

import ctypes
import re
import shutil
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

if __name__ == "__main__":  # started by path, among nothing of ours
    sys.path.insert(0, __file__.rsplit("/", 3)[0])

from flakeproof_worker.shared.private import os
from flakeproof_worker.system import namespace

_BIND, _REC, _DETACH = 0x1000, 0x4000, 2  # include/uapi/linux/mount.h
_COMPARED = 1 << 20
"""Bytes up to which a file that was opened for writing is compared with what it was."""
_TEXT = 60
_MOST = 2_000
_HIGH = 200
"""Descriptors of ours begin here, so that those of tests have the numbers that they have elsewhere."""
_OF_PYTEST = ("pytest", "home")
"""Folders that a trial has in its room from the start."""
_NOT_TOLD = ("__pycache__", ".pytest_cache", ".git", ".hypothesis")


@dataclass(frozen=True)
class FileChange:
    """A file that is not as it was."""

    path: str
    before: str
    """What it was, for people; "" if it was not there."""
    after: str
    """What it is; "" if it is not there any more."""


@dataclass
class PrivateFiles:
    """Folders that this process has to itself."""

    room: str
    """The folder that stays what it is, for temporary files and reports."""
    folders: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """For those that cannot be had, which and why."""
    _roots: dict[str, tuple[int, int]] = field(default_factory=dict)
    """For each folder descriptors of what it was and of what has changed."""

    def changes(self) -> list[FileChange]:
        """What has been made, changed and removed, in the order of the paths."""
        found: list[FileChange] = []
        for folder, (lower, upper) in self._roots.items():
            for part in _files(f"/proc/self/fd/{upper}", ""):
                if len(found) >= _MOST:
                    return found
                change = _compared(folder, f"/proc/self/fd/{lower}/{part}", f"/proc/self/fd/{upper}/{part}", part)
                if change is not None:
                    found.append(change)
        inside = [f"{self.room}/{part}" for part in _files(self.room, "") if part.partition("/")[0] not in _OF_PYTEST]
        return found + [FileChange(path, "", _words(path)) for path in inside]

    def put_back(self, path: str) -> None:
        """Make the file what it was. Raises OSError."""
        with suppress(FileNotFoundError):
            os.unlink(path)
        for folder, (lower, _) in self._roots.items():
            if path.startswith(f"{folder}/"):
                kept = f"/proc/self/fd/{lower}/{path[len(folder) + 1 :]}"
                if os.path.lexists(kept):
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    shutil.copy2(kept, path, follow_symlinks=False)


def have_private_files(folders: Sequence[str], room: str, *, keeps: bool = True) -> PrivateFiles:
    """Have `folders` to oneself from now on; those inside of others go with them.

    `room` is an empty folder, which stays outside. With `keeps` it can be told later what has changed. Only while the
    process has a single thread. Raises OSError, which says what is missing, if none of them can be had.
    """
    folder_now = os.getcwd()
    namespace.enter_mount_namespace()
    found = PrivateFiles(room)
    own = os.open(room, os.O_PATH | os.O_DIRECTORY)
    options = b"mode=0700,uid=%d,gid=%d" % (os.geteuid(), os.getegid())
    _mount(b"flakeproof", room, b"tmpfs", namespace.NOSUID | namespace.NODEV, options)
    memory = os.open(room, os.O_PATH | os.O_DIRECTORY)
    try:
        mounted = {name: os.open(name, os.O_PATH) for name in _mounts_below(folders)}
        for folder in folders:
            if any(folder == one or folder.startswith(f"{one}/") for one in found.folders):
                continue
            try:
                found._roots[folder] = _overlaid(folder, memory, len(found.folders))
                found.folders.append(folder)
            except OSError as error:
                found.refused.append(f"{folder}: {error.strerror}")
        for name, descriptor in mounted.items():
            _bind(descriptor, name, _BIND | _REC)
            os.close(descriptor)
        with suppress(OSError):
            namespace.call("umount2", b"/proc/self/fd/%d" % memory, _DETACH)
        if any(room.startswith(f"{one}/") for one in found.folders):
            _bind(own, room, _BIND)
    finally:
        os.close(memory)
        os.close(own)
    namespace.give_up_privileges()
    os.chdir(folder_now)  # by its name: it is another folder now
    if not found.folders:
        raise OSError(0, "; ".join(found.refused) or "there is no folder")
    if not keeps:
        for pair in found._roots.values():
            for descriptor in pair:
                os.close(descriptor)
        found._roots.clear()
    return found


def refusal(folders: Sequence[str], room: str) -> str | None:
    """Why `folders` cannot be had, None if they can; `room` is an empty folder. Nothing of it stays."""
    return namespace.why_not([*command(folders, room), "true"])


def command(folders: Sequence[str], room: str) -> list[str]:
    """What comes before a command that is to have `folders` to itself."""
    return [sys.executable, "-I", "-S", __file__, room, *folders, "--"]


def _overlaid(folder: str, memory: int, number: int) -> tuple[int, int]:
    """Mount it; descriptors of what it was and of where changes go. Raises OSError."""
    lower = _high(os.open(folder, os.O_PATH | os.O_DIRECTORY))
    base = f"/proc/self/fd/{memory}/{number}"
    for path in (base, f"{base}/upper", f"{base}/work"):
        os.mkdir(path)
    status = os.stat(folder)
    with suppress(OSError):
        os.chmod(f"{base}/upper", stat.S_IMODE(status.st_mode))
        os.chown(f"{base}/upper", status.st_uid, status.st_gid)
    upper = _high(os.open(f"{base}/upper", os.O_PATH | os.O_DIRECTORY))
    options = f"lowerdir=/proc/self/fd/{lower},upperdir={base}/upper,workdir={base}/work"
    if namespace.made_user_namespace():
        options += ",userxattr"
    try:
        _mount(b"overlay", folder, b"overlay", namespace.NOSUID | namespace.NODEV, options.encode())
    except OSError:
        os.close(lower)
        os.close(upper)
        raise
    return lower, upper


def _high(descriptor: int) -> int:
    import fcntl

    found = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    os.close(descriptor)
    return found


def _mount(source: bytes, place: str, kind: bytes | None, flags: int, options: bytes | None) -> None:
    namespace.call("mount", source, os.fsencode(place), kind, ctypes.c_ulong(flags), options)


def _bind(descriptor: int, place: str, flags: int) -> None:
    with suppress(OSError):
        _mount(b"/proc/self/fd/%d" % descriptor, place, None, flags, None)


def _mounts_below(folders: Sequence[str]) -> list[str]:
    """Where other file systems are mounted in `folders`: they would not be seen in what covers those."""
    found: list[str] = []
    with suppress(OSError), open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
        for line in file:
            name = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), line.split()[4])
            inside = any(name.startswith(f"{folder}/") for folder in folders) and name not in folders
            if inside and not any(name.startswith(f"{one}/") for one in found):
                found.append(name)
    return found


def _files(base: str, inside: str) -> Iterator[str]:
    """Everything that is no folder, and folders without anything in them, by their path below `base`."""
    try:
        entries = sorted(os.scandir(f"{base}/{inside}" if inside else base), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        path = f"{inside}/{entry.name}" if inside else entry.name
        if entry.name in _NOT_TOLD or entry.name.endswith(".pyc"):
            continue
        if entry.is_dir(follow_symlinks=False):
            before = True
            for below in _files(base, path):
                before = False
                yield below
            if before:
                yield path
        else:
            yield path


def _compared(folder: str, kept: str, now: str, part: str) -> FileChange | None:
    before, after = _words(kept), _words(now)
    if before == after and (not before or _is_same(kept, now)):
        return None
    return FileChange(f"{folder}/{part}", before, after)


def _is_same(one: str, other: str) -> bool:
    try:
        if os.path.isdir(one) or os.stat(one).st_size > _COMPARED:
            return os.path.isdir(one)
        with open(one, "rb") as first, open(other, "rb") as second:  # noqa: PTH123
            return first.read() == second.read()
    except OSError:
        return False


def _words(path: str) -> str:
    """What a file is, for people; "" for none, and for what stands for one that was removed."""
    try:
        status = os.lstat(path)
    except OSError:
        return ""
    if stat.S_ISCHR(status.st_mode):
        return "" if status.st_rdev == 0 else "a device"
    if stat.S_ISDIR(status.st_mode):
        return "a folder"
    if stat.S_ISLNK(status.st_mode):
        return f"a link to {os.readlink(path)}"
    if not stat.S_ISREG(status.st_mode):
        return "a socket or pipe"
    size = "1 byte" if status.st_size == 1 else f"{status.st_size} bytes"
    with suppress(OSError, UnicodeDecodeError):
        with open(path, "rb") as file:  # noqa: PTH123
            head = file.read(_TEXT + 1).decode()
        if head.isprintable() and 0 < len(head) <= _TEXT:
            return f"{size}: {head!r}"
    return size


def _become(words: list[str]) -> None:
    """The command among folders of its own."""
    room, *rest = words
    split = rest.index("--")
    have_private_files(rest[:split], room, keeps=False)
    os.execvp(rest[split + 1], rest[split + 1 :])


if __name__ == "__main__":
    try:
        _become(sys.argv[1:])
    except OSError as failed:
        sys.exit(str(failed.strerror or failed))
