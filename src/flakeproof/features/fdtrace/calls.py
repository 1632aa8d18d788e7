"""The system calls that say who owns a descriptor: which are recorded, and what each does with its numbers."""

import re
from dataclasses import dataclass

from flakeproof.features.fdtrace.frames import NO_STACK, Stack

CLOSING = frozenset({"close", "close_range"})
DUPLICATING = frozenset({"dup", "dup2", "dup3"})
OPENING = frozenset(
    {
        *("open", "openat", "openat2", "creat", "socket", "accept", "accept4", "epoll_create", "epoll_create1"),
        *("eventfd", "eventfd2", "signalfd", "signalfd4", "timerfd_create", "inotify_init", "inotify_init1"),
        *("memfd_create", "pidfd_open", "pidfd_getfd", "fanotify_init", "userfaultfd", "perf_event_open"),
        *("io_uring_setup", "mq_open", "open_by_handle_at", "open_tree", "fsopen", "fsmount", "memfd_secret"),
    }
)
OPENING_SEVERAL = frozenset({"pipe", "pipe2", "socketpair"})
RECEIVING = frozenset({"recvmsg", "recvmmsg"})
USING = frozenset(
    {
        *("read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "pwrite64", "pwritev", "pwritev2"),
        *("sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "recvmmsg", "sendfile", "splice"),
        *("copy_file_range", "connect", "bind", "listen", "accept", "accept4", "shutdown", "setsockopt"),
        *("getsockopt", "fsync", "fdatasync", "ftruncate", "getdents64", "fchmod", "fchown"),
    }
)
"""Calls that somebody makes on a descriptor that they think they have. Questions that are asked in order to find out
whether there is one (fcntl F_GETFD, fstat, ioctl of isatty(3), lseek) are not among them."""
MAKING_PROCESSES = frozenset({"clone", "clone3", "fork", "vfork"})
RECORDED = sorted(
    {
        *(CLOSING | DUPLICATING | OPENING | OPENING_SEVERAL | RECEIVING | USING | MAKING_PROCESSES),
        *("fcntl", "execve", "execveat", "unshare"),
    }
)
RECORDED_WITHOUT_USES = sorted(set(RECORDED) - (USING - OPENING - RECEIVING))

_FIRST_NUMBER = re.compile(r"\s*(\d+)")
_NAME = re.compile(r"<((?:->|[^<>]|<[^<>]*>)*)>(?:\(deleted\))?")
_ITEM = re.compile(r"(\d+)(?:<((?:->|[^<>]|<[^<>]*>)*)>(?:\(deleted\))?)?(?:, )?")
_PAIR = re.compile(r"\[(?=\d+(?:<|, \d))")
_RIGHTS = re.compile(r"cmsg_type=SCM_RIGHTS, cmsg_data=\[")
_PROCESS_DESCRIPTOR = re.compile(r"(?:pidfd|parent_tid)=\[(\d+)")
_DUP_FLAG = re.compile(r"F_DUPFD(?:_CLOEXEC)?\b")


@dataclass(slots=True, eq=False)
class SystemCall:
    """A system call; while it is in flight only what was known at its start."""

    task: int
    """Thread id of the caller."""
    name: str
    arguments: str
    started: int
    """Line of the record at which it was entered."""
    ended: int = 0
    """Line at which it returned; 0 while it is in flight."""
    result: int | None = None
    error: str = ""
    """`EBADF` and the like."""
    result_name: str = ""
    """What the descriptor is that it returned."""
    stack: Stack = NO_STACK

    @property
    def succeeded(self) -> bool:
        """Whether it returned without an error."""
        return not self.error and self.result is not None and self.result >= 0

    @property
    def number(self) -> int | None:
        """The descriptor that is its first argument."""
        found = _FIRST_NUMBER.match(self.arguments)
        return int(found[1]) if found else None

    @property
    def second_number(self) -> int | None:
        """The descriptor that is its second argument, as of dup2."""
        _, _, rest = self._without_name().partition(",")
        found = _FIRST_NUMBER.match(rest)
        return int(found[1]) if found else None

    @property
    def subject(self) -> str:
        """What the first argument was, in strace's words; "" if it was not open."""
        found = _FIRST_NUMBER.match(self.arguments)
        named = _NAME.match(self.arguments, found.end()) if found else None
        return named[1] if named else ""

    def flags(self) -> str:
        """The arguments without the name of the first one, in which a file may be called like a flag."""
        return self._without_name()

    def opened(self) -> list[tuple[int, str]]:
        """Numbers and names of the descriptors that it has made."""
        if not self.succeeded:
            return []
        if self.name in OPENING_SEVERAL:
            return [item for found in _PAIR.finditer(self.arguments) for item in _items(self.arguments, found.end())]
        if self.name in RECEIVING:
            return [item for found in _RIGHTS.finditer(self.arguments) for item in _items(self.arguments, found.end())]
        if self.name in MAKING_PROCESSES:
            found = _PROCESS_DESCRIPTOR.search(self.arguments) if "CLONE_PIDFD" in self.arguments else None
            return [(int(found[1]), "a process")] if found else []
        if self.name in DUPLICATING or self.name in OPENING or (self.name == "fcntl" and self.duplicates):
            return [(self.result or 0, self.result_name)]
        return []

    @property
    def duplicates(self) -> bool:
        """Whether it is a fcntl that makes a copy."""
        return _DUP_FLAG.search(self._without_name()) is not None

    @property
    def closes_on_exec(self) -> bool:
        """Whether what it opens is closed by execve."""
        return "CLOEXEC" in self.flags() or self.name == "pidfd_open" or "CLONE_PIDFD" in self.arguments

    def _without_name(self) -> str:
        found = _FIRST_NUMBER.match(self.arguments)
        named = _NAME.match(self.arguments, found.end()) if found else None
        return self.arguments[named.end() :] if named else self.arguments


def _items(text: str, start: int) -> list[tuple[int, str]]:
    """Numbers and names in the list whose first item begins at `start`."""
    found = []
    while (item := _ITEM.match(text, start)) is not None:
        found.append((int(item[1]), item[2] or ""))
        start = item.end()
    return found
