"""Remove a folder and its contents, and touch nothing else: no other file system, no target of a link.

It works by descriptors, so that a link put in the way meanwhile has no effect, and without recursion, so that a tree
may have any depth. A mounted file system is recognised by the id of its mount, because a bind mount has the device of
the folder that it shows.
"""

import ctypes
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from stat import S_ISDIR

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_OPEN_FOLDERS = 16
"""How many folders above the current one stay open; those further up are reopened by `..`."""
_NAMED = 100
"""How many entries that could not be removed are remembered."""
_AT_EMPTY_PATH = 0x1000  # include/uapi/linux/fcntl.h
_STATX_MNT_ID = 0x1000  # include/uapi/linux/stat.h
_MASK_AT, _MOUNT_AT, _STATX_BYTES = 0, 0x90, 256


@dataclass(frozen=True)
class Left:
    """An entry that could not be removed."""

    path: str
    is_mount: bool
    reason: str
    """Why it could not be removed, in the words of the kernel."""
    is_permitted: bool = True
    """False if the kernel forbids the removal (EPERM), although its folder belongs to flakeproof."""


def remove(path: str, last: str = "") -> list[Left]:
    """Remove the folder at `path`; return what could not be removed.

    `path` must be a folder, not a link to one, on the file system of its parent. Its entry `last` is removed only when
    nothing else is left. Nothing above `path` is changed, not even permissions.
    """
    parent_path, name = os.path.split(path.rstrip("/"))
    try:
        parent = os.open(parent_path or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        return [] if error.errno == errno.ENOENT else [Left(path, False, _text(error))]
    try:
        return remove_in(parent, name, parent_path, last)
    finally:
        os.close(parent)


def remove_in(parent: int, name: str, parent_path: str, last: str = "") -> list[Left]:
    """Like `remove`, for the folder `name` in the folder open as `parent`; `parent_path` is for messages."""
    path = f"{parent_path}/{name}"
    found: list[Left] = []
    try:
        top = _open_folder(parent, name)
    except FileNotFoundError:
        return []
    except OSError as error:
        return [Left(path, False, _text(error))]
    try:
        mount = mount_of(parent)
        if mount is None:
            return [Left(path, False, "this system does not tell whether a file system is mounted in it")]
        if mount_of(top) != mount:
            return [Left(path, True, "another file system is mounted there")]
        _Tree(top, path, mount, last, found).clear()
        if last and not found:
            with suppress(FileNotFoundError):
                os.unlink(last, dir_fd=top)
    except OSError as error:
        found.append(Left(path, False, _text(error), error.errno != errno.EPERM))
    finally:
        os.close(top)
    if not found:
        try:
            os.rmdir(name, dir_fd=parent)
        except FileNotFoundError:
            pass
        except OSError as error:
            found.append(Left(path, error.errno == errno.EBUSY, _text(error), error.errno != errno.EPERM))
    return found


def mount_of(descriptor: int) -> int | None:
    """Id of the mount that holds an open file (statx(2), Linux 5.8; proc(5)); None if the kernel does not tell it."""
    if _statx is not None:
        buffer = ctypes.create_string_buffer(_STATX_BYTES)
        if _statx(descriptor, b"", _AT_EMPTY_PATH, _STATX_MNT_ID, buffer) == 0:
            mask = int.from_bytes(buffer.raw[_MASK_AT : _MASK_AT + 4], sys.byteorder)
            if mask & _STATX_MNT_ID:
                return int.from_bytes(buffer.raw[_MOUNT_AT : _MOUNT_AT + 8], sys.byteorder)
    with suppress(OSError), open(f"/proc/self/fdinfo/{descriptor}", "rb") as file:  # noqa: PTH123 - pathlib costs
        for line in file:
            if line.startswith(b"mnt_id:"):
                return int(line.split()[1])
    return None


_statx = getattr(ctypes.CDLL(None), "statx", None)


@dataclass
class _Folder:
    """A folder that is being cleared."""

    name: str
    identity: tuple[int, int]
    """Device and inode: `..` must lead back to this very folder."""
    folders: list[str] = field(default_factory=list)
    """Subfolders still to be cleared."""
    descriptor: int = -1
    """-1: closed for the time being."""
    keeps: bool = False
    """Whether something in the folder could not be removed."""


class _Tree:
    """The contents of the folder open as `top`."""

    def __init__(self, top: int, path: str, mount: int, last: str, found: list[Left]) -> None:
        self._path = path
        self._mount = mount
        self._last = last
        self._found = found
        self._stack: list[_Folder] = [_Folder("", _identity(top), descriptor=os.dup(top))]

    def clear(self) -> None:
        """Remove the contents."""
        try:
            self._empty(self._stack[-1], self._last)
            while True:
                current = self._stack[-1]
                if current.folders:
                    self._descend(current, current.folders.pop())
                elif len(self._stack) == 1:
                    return
                else:
                    self._ascend()
        finally:
            for folder in self._stack:
                if folder.descriptor >= 0:
                    os.close(folder.descriptor)

    def _descend(self, current: _Folder, name: str) -> None:
        try:
            descriptor = _open_folder(current.descriptor, name)
        except FileNotFoundError:
            return
        except OSError as error:
            self._leave(current, name, error)
            return
        if mount_of(descriptor) != self._mount:
            os.close(descriptor)
            current.keeps = True
            self._note(name, True, "another file system is mounted there")
            return
        folder = _Folder(name, _identity(descriptor), descriptor=descriptor)
        self._stack.append(folder)
        if len(self._stack) > _OPEN_FOLDERS + 1:
            far = self._stack[-_OPEN_FOLDERS - 1]
            os.close(far.descriptor)
            far.descriptor = -1
        self._empty(folder)

    def _ascend(self) -> None:
        """Go up one level, and remove the folder just cleared."""
        done = self._stack.pop()
        above = self._stack[-1]
        try:
            if above.descriptor < 0:
                descriptor = os.open("..", _DIRECTORY, dir_fd=done.descriptor)
                if _identity(descriptor) != above.identity:
                    os.close(descriptor)
                    raise OSError(errno.EBUSY, "it has been moved while it was removed")
                above.descriptor = descriptor
        finally:
            os.close(done.descriptor)
        if done.keeps:
            above.keeps = True
            return
        try:
            os.rmdir(done.name, dir_fd=above.descriptor)
        except FileNotFoundError:
            pass
        except OSError as error:
            self._leave(above, done.name, error)

    def _empty(self, folder: _Folder, last: str = "") -> None:
        """Remove files and empty folders; note the other folders, which have to be cleared first."""
        try:
            with os.scandir(folder.descriptor) as entries:
                listed = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        except OSError as error:
            folder.keeps = True
            self._note("", False, _text(error))
            return
        is_permitted = False
        for name, is_folder in listed:
            if name == last:
                continue
            try:
                self._take(folder.descriptor, name, is_folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno in (errno.EACCES, errno.EPERM) and not is_permitted:
                    is_permitted = True  # the trial has removed the permissions of its own folder
                    with suppress(OSError):
                        os.fchmod(folder.descriptor, 0o700)
                        self._take(folder.descriptor, name, is_folder)
                        continue
                if is_folder and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    folder.folders.append(name)
                elif is_folder and error.errno in (errno.EACCES, errno.EPERM):
                    folder.folders.append(name)  # its contents can perhaps be removed
                else:
                    self._leave(folder, name, error)

    def _take(self, descriptor: int, name: str, is_folder: bool) -> None:
        if is_folder:
            os.rmdir(name, dir_fd=descriptor)
        else:
            os.unlink(name, dir_fd=descriptor)

    def _leave(self, folder: _Folder, name: str, error: OSError) -> None:
        folder.keeps = True
        # The kernel refuses to remove a mount point (EBUSY).
        self._note(name, error.errno == errno.EBUSY, _text(error), error.errno != errno.EPERM)

    def _note(self, name: str, is_mount: bool, reason: str, is_permitted: bool = True) -> None:
        if len(self._found) < _NAMED:
            parts = [self._path, *(folder.name for folder in self._stack[1:]), *([name] if name else [])]
            self._found.append(Left("/".join(parts), is_mount, reason, is_permitted))


def _open_folder(parent: int, name: str) -> int:
    """Open the folder `name`, even if its owner has removed the permission to read it. Raises OSError."""
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except PermissionError:
        with _permitted(parent, name):
            return os.open(name, _DIRECTORY, dir_fd=parent)


@contextmanager
def _permitted(parent: int, name: str) -> Iterator[None]:
    # A handle of this very folder: its name could have become a link meanwhile.
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        status = os.fstat(handle)
        if not S_ISDIR(status.st_mode) or mount_of(handle) != mount_of(parent):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        os.chmod(f"/proc/self/fd/{handle}", 0o700)  # noqa: PTH101 - there is no fchmod for such a handle
        yield
    finally:
        os.close(handle)


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def _text(error: OSError) -> str:
    return error.strerror or str(error)
