"""Cut this process's Python code off from every network but loopback: addresses are unreachable, names unknown.

Or have only look-ups of names fail, now and then.

The errors are those of a machine without network: ENETUNREACH for an address, EAI_AGAIN for a name that is not in
/etc/hosts. What bypasses Python's `socket` (C code such as uvloop, other programs) is not cut off.
"""

import errno
import os
import socket
from collections.abc import Callable
from typing import Any

from flakeproof_worker.perturb.watching import PerTrial
from flakeproof_worker.shared import draws

_FAMILIES = (socket.AF_INET, socket.AF_INET6)
_RESOLVERS = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr")
_HOSTS = "/etc/hosts"
_MAPPED = b"\0" * 10 + b"\xff\xff"
"""Prefix of an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2)."""

# Bound before anything is replaced, here or by tests.
_getaddrinfo = socket.getaddrinfo
_SOCKET = socket.socket


class Offline:
    """Refuses traffic that would leave the machine."""

    def prepare(self) -> None:
        """Replace the functions that connect, send and resolve, before any code of the user is imported."""
        for name in ("connect", "connect_ex", "sendto", "sendmsg"):
            setattr(_SOCKET, name, _REPLACEMENTS[name](getattr(_SOCKET, name)))
        for name in _RESOLVERS:
            setattr(socket, name, _resolving(name, getattr(socket, name)))

    def begin(self, trial: int, seed: int) -> None:
        """Nothing differs from trial to trial."""

    def end(self, trial: int) -> None:
        """Nothing is to be undone."""


class FailingNames:
    """Fails to look up names that are not in /etc/hosts, each with a probability drawn from the seed of the trial."""

    def __init__(self, share: float) -> None:
        """`share` is the probability."""
        self._share = share
        self._trials: PerTrial[Callable[[], float]] = PerTrial(
            lambda trial, seed: draws.generator(seed, "names").random
        )

    def prepare(self) -> None:
        """Replace the functions that resolve, before any code of the user is imported."""
        for name in _RESOLVERS:
            setattr(socket, name, self._failing(name, getattr(socket, name)))

    def begin(self, trial: int, seed: int) -> None:
        """A trial begins in this thread."""
        self._trials.begin(trial, seed)

    def end(self, trial: int) -> None:
        """The trial has ended."""
        self._trials.end(trial)

    def _failing(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def resolve(host: Any, *arguments: Any, **named: Any) -> Any:
            drawn = self._trials.now()
            if drawn is not None and drawn() < self._share:
                _refuse_name(host)
            return original(host, *arguments, **named)

        resolve.__name__ = resolve.__qualname__ = name
        return resolve


def _connecting(original: Callable[..., Any]) -> Callable[..., Any]:
    def connect(self: socket.socket, address: Any, /) -> Any:
        _refuse(self, address)
        return original(self, address)

    return connect


def _connecting_ex(original: Callable[..., Any]) -> Callable[..., Any]:
    def connect_ex(self: socket.socket, address: Any, /) -> Any:
        if self.family in _FAMILIES and not _is_near(self, address):
            return errno.ENETUNREACH
        return original(self, address)

    return connect_ex


def _sending_to(original: Callable[..., Any]) -> Callable[..., Any]:
    def sendto(self: socket.socket, data: Any, *rest: Any) -> Any:
        if rest:
            _refuse(self, rest[-1])
        return original(self, data, *rest)

    return sendto


def _sending_message(original: Callable[..., Any]) -> Callable[..., Any]:
    def sendmsg(self: socket.socket, buffers: Any, ancillary: Any = (), flags: int = 0, address: Any = None, /) -> Any:
        if address is None:
            return original(self, buffers, ancillary, flags)
        _refuse(self, address)
        return original(self, buffers, ancillary, flags, address)

    return sendmsg


_REPLACEMENTS: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "connect": _connecting,
    "connect_ex": _connecting_ex,
    "sendto": _sending_to,
    "sendmsg": _sending_message,
}


def _resolving(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def resolve(host: Any, *arguments: Any, **named: Any) -> Any:
        _refuse_name(host)
        return original(host, *arguments, **named)

    resolve.__name__ = resolve.__qualname__ = name
    return resolve


def _refuse(used: socket.socket, address: Any) -> None:
    """Raise OSError if `address` is not on this machine."""
    if used.family in _FAMILIES and not _is_near(used, address):
        raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))


def _is_near(used: socket.socket, address: Any) -> bool:
    """Whether `address` is loopback, or malformed, which the original function reports. Raises gaierror for a name."""
    host = _text(address[0]) if isinstance(address, tuple) and address else None
    if host is None:
        return True
    packed = _packed(host)
    if packed is None:
        if host == "<broadcast>":
            return False
        _refuse_name(host)
        # A name in /etc/hosts may still mean another machine.
        found = _packed(str(_getaddrinfo(host, None, used.family)[0][4][0]))
        return found is None or _is_loopback(found)
    return _is_loopback(packed)


def _refuse_name(host: Any) -> None:
    """Raise gaierror if `host` is a name that only a network could resolve."""
    text = _text(host)
    if text and _packed(text) is None and not _is_known(text.lower().rstrip(".")):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def _is_known(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        with open(_HOSTS, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - no pathlib in a worker
            lines = file.read().lower().splitlines()
    except OSError:
        return False
    return any(name in line.partition("#")[0].split()[1:] for line in lines)


def _text(host: Any) -> str | None:
    """`host` as text; None for what is neither text nor bytes."""
    if isinstance(host, bytes | bytearray):
        return bytes(host).decode("latin-1")
    return host if isinstance(host, str) else None


def _packed(host: str) -> bytes | None:
    """The packed address if `host` is an address; None for a name."""
    if not host:
        return bytes(4)  # any address of this machine
    for read in (socket.inet_aton, _packed_6):
        try:
            return read(host)
        except OSError:
            continue
        except ValueError:  # a NUL, or a character that cannot be encoded
            return None
    return None


def _packed_6(host: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6, host.partition("%")[0])


def _is_loopback(packed: bytes) -> bool:
    """Whether `packed` is a loopback address, or the wildcard address, which also connects to loopback."""
    if len(packed) == 16 and packed.startswith(_MAPPED):
        packed = packed[12:]
    if len(packed) == 4:
        return packed[0] == 127 or packed == bytes(4)
    return packed[:15] == bytes(15) and packed[15] <= 1
