"""Observe what a trial uses outside its process, and what copies of it would compete for: ports, files, the network.

Audit hooks (PEP 578) watch the first trial of a run. They do not see what bypasses Python, such as other programs that
the trial starts, or C code with its own sockets.
"""

import re
import sys
from contextlib import suppress
from types import FrameType
from typing import Any

from flakeproof_worker.shared.private import os

_LIBRARY = re.compile(r"/lib/python\d+\.\d+/|/site-packages/|/dist-packages/|^<|/flakeproof_worker/")
_MOST = 20
"""How many ports, and how many files, are noted."""
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_NO_MATTER = ("/dev/", "/proc/", "/sys/")
_OWN_NAMES = re.compile(r"__pycache__|\.pyc|\.pytest_cache|\.coverage|\.hypothesis")
_LOOPBACK = re.compile(r"127\.|0\.0\.0\.0$|::1?$|::ffff:127\.|localhost$|.*\.localhost$|$")


class Footprint:
    """Watches this process until it ends: an audit hook cannot be removed."""

    def __init__(self, folders: list[str]) -> None:
        """Files below `folders` belong to the trial alone and are not noted."""
        self._own = tuple(f"{folder}/" for folder in folders if folder)
        self._ports: dict[int, tuple[str, int]] = {}
        self._files: dict[str, tuple[str, int]] = {}
        self._elsewhere = ""
        self._busy = False
        sys.addaudithook(self._heard)

    def as_data(self) -> dict[str, Any]:
        """The observations so far, as data."""
        return {
            "ports": [(port, *place) for port, place in self._ports.items()],
            "files": [(path, *place) for path, place in self._files.items()],
            "elsewhere": self._elsewhere,
        }

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        look = _LOOKS.get(event)
        if look is None or self._busy:
            return
        self._busy = True
        with suppress(Exception):  # a hook that raises would be a failure of the test
            look(self, arguments)
        self._busy = False

    def _binds(self, arguments: tuple[Any, ...]) -> None:
        address = arguments[1]
        if not isinstance(address, tuple) or len(address) < 2:
            return  # a path, or another family
        host, port = address[:2]
        if not _is_near(host):
            self._elsewhere = self._elsewhere or f"{host}:{port}"
        if port and len(self._ports) < _MOST:
            self._ports.setdefault(int(port), _place(sys._getframe()))

    def _reaches(self, arguments: tuple[Any, ...]) -> None:
        address = arguments[1]
        if isinstance(address, tuple) and len(address) >= 2 and not _is_near(address[0]):
            self._elsewhere = self._elsewhere or f"{address[0]}:{address[1]}"

    def _asks_for(self, arguments: tuple[Any, ...]) -> None:
        host = arguments[0]
        if host and not (_is_near(host) or _is_address(host)):
            self._elsewhere = self._elsewhere or str(host)

    def _opens(self, arguments: tuple[Any, ...]) -> None:
        path, _, flags = arguments
        if isinstance(flags, int) and flags & _WRITING:
            self._writes((path,))

    def _writes(self, arguments: tuple[Any, ...]) -> None:
        given = arguments[0]
        if not isinstance(given, str | bytes) or len(self._files) >= _MOST:
            return  # a descriptor
        path = os.path.abspath(os.fsdecode(given))
        if path.startswith((*self._own, *_NO_MATTER)) or _OWN_NAMES.search(path) or given in (":memory:", ""):
            return
        self._files.setdefault(path, _place(sys._getframe()))


_LOOKS = {
    "socket.bind": Footprint._binds,
    "socket.connect": Footprint._reaches,
    "socket.sendto": Footprint._reaches,
    "socket.sendmsg": Footprint._reaches,
    "socket.getaddrinfo": Footprint._asks_for,
    "socket.gethostbyname": Footprint._asks_for,
    "open": Footprint._opens,
    "os.mkdir": Footprint._writes,
    "sqlite3.connect": Footprint._writes,
}


def _is_near(host: Any) -> bool:
    """Whether `host` is this machine: a loopback address, or the wildcard for all of its addresses."""
    text = host.decode("latin-1") if isinstance(host, bytes | bytearray) else host
    return not isinstance(text, str) or _LOOPBACK.match(text) is not None


def _is_address(host: Any) -> bool:
    """Whether `host` is an address, which needs no lookup: a connection to it is observed when it is made."""
    import socket

    text = host.decode("latin-1") if isinstance(host, bytes | bytearray) else str(host)
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text.partition("%")[0])
        except OSError:
            continue
        return True
    return False


def _place(frame: FrameType | None) -> tuple[str, int]:
    """File and line of the innermost frame in the user's code; ("", 0) if there is none."""
    found = frame
    while found is not None and _LIBRARY.search(found.f_code.co_filename):
        found = found.f_back
    if found is None:
        return "", 0
    return found.f_code.co_filename, found.f_lineno or 0
