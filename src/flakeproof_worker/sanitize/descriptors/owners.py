"""Who a descriptor number belongs to, and how its earlier owners came to their end."""

import socket
import weakref
from typing import Any, NamedTuple

from flakeproof_worker.sanitize.sighting import Stack

Who = tuple[int, str]
"""Trial (0: none) and item that code runs for."""
NOBODY: Who = (0, "")


class Owner:
    """What a number belongs to: an object that will close it, or whoever holds the bare number."""

    __slots__ = ("closing", "ended", "identity", "kind", "made", "name", "number", "previous", "reference", "who")

    def __init__(self, number: int, kind: str, made: Stack, who: Who, thing: Any = None, name: str = "") -> None:
        """`thing` is the object, None for a bare number."""
        self.number = number
        self.kind = kind
        """"socket", "file", or of a bare number what it stands for: "pipe", "descriptor" …"""
        self.name = name
        self.made = made
        self.who = who
        self.identity = id(thing) if thing is not None else 0
        self.reference = weakref.ref(thing) if thing is not None else None
        self.ended: OwnershipEnd | None = None
        """How this came to its end, for an object that does not know."""
        self.closing = False
        """Whether the call that closes it has begun."""
        self.previous: Owner | None = None
        """An object that has the same number and has not let go of it."""

    @property
    def is_bare(self) -> bool:
        """Whether no object is going to close it."""
        return not self.identity

    def claims(self) -> bool:
        """Whether its object is there and still believes that it has the number."""
        thing = self.reference() if self.reference is not None else None
        try:
            return thing is not None and thing.fileno() == self.number
        except Exception:  # a file says ValueError when it is closed, and classes of users have their own ways
            return False

    def listens(self) -> bool:
        """Whether it is a socket that takes connections."""
        thing = self.reference() if self.reference is not None else None
        try:
            return bool(thing is not None and thing.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        except Exception:  # a file, or closed
            return False

    def among(self, identity: int) -> "Owner | None":
        """The owner of the object `identity` among this one and those before it."""
        owner: Owner | None = self
        while owner is not None and owner.identity != identity:
            owner = owner.previous
        return owner

    def described(self) -> str:
        """`socket 127.0.0.1:4711 -> 127.0.0.1:80`, as far as that can still be told."""
        thing = self.reference() if self.reference is not None else None
        if self.kind == "socket" and thing is not None:
            return f"socket {_ends(thing)}".rstrip()
        return f"{self.kind} {self.name}".rstrip()


class OwnershipEnd(NamedTuple):
    """An ownership that is over."""

    owner: Owner
    closed: Stack
    who: Who
    """Who has closed it."""
    identity: int
    """The object that has; 0 for a close by number."""
    origin: "OwnershipEnd | None" = None
    """The close that made this one go wrong, the first of them all: it had taken that object's own number from it."""


def _ends(thing: Any) -> str:
    """Both ends of a socket; the object may be in any state."""
    names = []
    for ask in (thing.getsockname, thing.getpeername):
        try:
            names.append(_address(ask()))
        except Exception:
            names.append("")
    near, far = names
    return f"{near} -> {far}" if near and far else near


def _address(address: Any) -> str:
    if isinstance(address, tuple) and len(address) >= 2:
        return f"{address[0]}:{address[1]}"
    if isinstance(address, bytes):
        return address.decode(errors="backslashreplace").replace("\0", "@")
    return str(address)
