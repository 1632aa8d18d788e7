"""The owners of a descriptor number, and how earlier ownerships ended."""

import socket
import weakref
from typing import Any, NamedTuple

from flakeproof_worker.sanitize.sighting import Stack

Who = tuple[int, str]
"""The trial (0: none) and the item that code runs for."""
NOBODY: Who = (0, "")


class Owner:
    """The owner of a number: an object that will close it, or the code that holds the bare number."""

    __slots__ = ("closing", "ended", "identity", "kind", "made", "name", "number", "previous", "reference", "who")

    def __init__(self, number: int, kind: str, made: Stack, who: Who, thing: Any = None, name: str = "") -> None:
        """`thing` is the object, None for a bare number."""
        self.number = number
        self.kind = kind
        """"socket", "file", or, for a bare number, what it stands for: "pipe", "descriptor" …"""
        self.name = name
        self.made = made
        self.who = who
        self.identity = id(thing) if thing is not None else 0
        self.reference = weakref.ref(thing) if thing is not None else None
        self.ended: OwnershipEnd | None = None
        """How this ownership ended, even if the object itself does not know."""
        self.closing = False
        """Whether the call that closes the number has begun."""
        self.previous: Owner | None = None
        """Another object that has the same number and has not released it."""

    @property
    def is_bare(self) -> bool:
        """Whether the owner is code with the bare number, not an object."""
        return not self.identity

    def claims(self) -> bool:
        """Whether the object exists and still believes that it owns the number."""
        thing = self.reference() if self.reference is not None else None
        try:
            return thing is not None and thing.fileno() == self.number
        except Exception:  # a closed file raises ValueError; a user's class may raise anything
            return False

    def listens(self) -> bool:
        """Whether the object is a socket that accepts connections."""
        thing = self.reference() if self.reference is not None else None
        try:
            return bool(thing is not None and thing.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        except Exception:  # a file, or closed
            return False

    def among(self, identity: int) -> "Owner | None":
        """The owner whose object is `identity`, among this owner and its `previous` ones."""
        owner: Owner | None = self
        while owner is not None and owner.identity != identity:
            owner = owner.previous
        return owner

    def described(self) -> str:
        """For example `socket 127.0.0.1:4711 -> 127.0.0.1:80`, as far as that is still known."""
        thing = self.reference() if self.reference is not None else None
        if self.kind == "socket" and thing is not None:
            return f"socket {_ends(thing)}".rstrip()
        return f"{self.kind} {self.name}".rstrip()


class OwnershipEnd(NamedTuple):
    """How an ownership ended."""

    owner: Owner
    closed: Stack
    who: Who
    """The trial and item whose code closed the number."""
    identity: int
    """The object that closed the number; 0 for a close by number."""
    origin: "OwnershipEnd | None" = None
    """The first wrong close in the chain: it took from the closing object its own number."""


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
