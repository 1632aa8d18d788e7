"""Give a process and its children a private view of folders: what they write there disappears when they end.

They see the real files, but their changes go to memory (overlayfs over a tmpfs, in a mount namespace of its own). So
the changes of a trial can be listed, and other trials do not see them.

Run as a program (`private_files.py ROOM FOLDER... -- COMMAND...`), it executes the command with a private view of the
folders.
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

if __name__ == "__main__":  # started by path, when the package is not importable
    sys.path.insert(0, __file__.rsplit("/", 3)[0])

from flakeproof_worker.shared.private import os
from flakeproof_worker.system import namespace

_BIND, _REC, _DETACH = 0x1000, 0x4000, 2  # include/uapi/linux/mount.h
_COMPARED = 1 << 20
"""Size (bytes) up to which a file that was opened for writing is compared with its original."""
_TEXT = 60
_MOST = 2_000
_HIGH = 200
"""The descriptors of this module begin here, so that those of tests have their usual numbers."""
_OF_PYTEST = ("pytest", "home")
"""Folders that exist in the room of a trial from the start."""
_NOT_REPORTED = ("__pycache__", ".pytest_cache", ".git", ".hypothesis")


@dataclass(frozen=True)
class FileChange:
    """A file that was made, changed or removed."""

    path: str
    before: str
    """Description of the original, for people; "" if there was none."""
    after: str
    """Description of the file now; "" if it was removed."""


@dataclass
class PrivateFiles:
    """The folders of which this process has a private view."""

    room: str
    """The folder that is not covered, for temporary files and reports."""
    folders: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Each folder that could not be covered, and why."""
    _roots: dict[str, tuple[int, int]] = field(default_factory=dict)
    """For each folder, a descriptor of the original and a descriptor of the changes."""

    def changes(self) -> list[FileChange]:
        """The files that were made, changed or removed, ordered by path within each folder."""
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
        """Restore the original file. Raises OSError."""
        with suppress(FileNotFoundError):
            os.unlink(path)
        for folder, (lower, _) in self._roots.items():
            if path.startswith(f"{folder}/"):
                kept = f"/proc/self/fd/{lower}/{path[len(folder) + 1 :]}"
                if os.path.lexists(kept):
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    shutil.copy2(kept, path, follow_symlinks=False)


def have_private_files(folders: Sequence[str], room: str, *, keeps: bool = True) -> PrivateFiles:
    """Give this process a private view of `folders` from now on; a folder inside another one is covered with that.

    `room` is an empty folder, which is not covered. With `keeps`, the result can list the changes later. The process
    must have a single thread. Raises OSError, which says what is missing, if no folder can be covered.
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
    os.chdir(folder_now)  # enter the private view, which covers the folder of this name
    if not found.folders:
        raise OSError(0, "; ".join(found.refused) or "there is no folder")
    if not keeps:
        for pair in found._roots.values():
            for descriptor in pair:
                os.close(descriptor)
        found._roots.clear()
    return found


def refusal(folders: Sequence[str], room: str) -> str | None:
    """Why a private view of `folders` is impossible, None if it is possible; `room` is an empty folder."""
    return namespace.why_not([*command(folders, room), "true"])


def command(folders: Sequence[str], room: str) -> list[str]:
    """The words to put before a command that needs a private view of `folders`."""
    return [sys.executable, "-I", "-S", __file__, room, *folders, "--"]


def _overlaid(folder: str, memory: int, number: int) -> tuple[int, int]:
    """Cover `folder`; return descriptors of the original and of the folder for changes. Raises OSError."""
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
    """Where other file systems are mounted in `folders`: the overlays would hide them."""
    found: list[str] = []
    with suppress(OSError), open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
        for line in file:
            name = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), line.split()[4])
            inside = any(name.startswith(f"{folder}/") for folder in folders) and name not in folders
            if inside and not any(name.startswith(f"{one}/") for one in found):
                found.append(name)
    return found


def _files(base: str, inside: str) -> Iterator[str]:
    """Files and empty folders, by their path below `base`."""
    try:
        entries = sorted(os.scandir(f"{base}/{inside}" if inside else base), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        path = f"{inside}/{entry.name}" if inside else entry.name
        if entry.name in _NOT_REPORTED or entry.name.endswith(".pyc"):
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
    """Describe a file for people; "" if there is none, or if it is overlayfs's mark of a removed file."""
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
    """Execute the command with its private view of the folders."""
    room, *rest = words
    split = rest.index("--")
    have_private_files(rest[:split], room, keeps=False)
    os.execvp(rest[split + 1], rest[split + 1 :])


if __name__ == "__main__":
    try:
        _become(sys.argv[1:])
    except OSError as failed:
        sys.exit(str(failed.strerror or failed))
