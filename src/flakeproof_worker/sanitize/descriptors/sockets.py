"""Notice what sockets do with their descriptors."""

import _socket
import socket
import threading
from functools import update_wrapper
from typing import Any

from flakeproof_worker.sanitize.descriptors.table import Table

_KIND = "socket"


def install(table: Table) -> None:
    """Replace methods of `socket.socket`, so that subclasses and those who have imported the class are seen, too."""
    kind: Any = socket.socket
    init, accept, close, detach = kind.__init__, kind.accept, kind._real_close, kind.detach
    finalise = _socket.socket.__del__  # type: ignore[attr-defined]  # typeshed does not know it
    given = threading.local()
    """Since when this thread is about to make an object of a number that the kernel gives out; None if it is not."""

    def initialise(
        self: Any,
        family: int = -1,
        type: int = -1,  # noqa: A002 - its name
        proto: int = -1,
        fileno: Any = None,
    ) -> None:
        given_out = getattr(given, "since", None)
        since = table.moment if given_out is None else given_out
        init(self, family, type, proto, fileno)
        number = self.fileno()
        if fileno is None or given_out is not None:
            table.opened(number, _KIND, self, since=since, skip=3)
        else:
            table.wrapped(number, _KIND, self, skip=3)

    def accepting(self: Any) -> Any:
        given.since = table.moment
        try:
            return accept(self)
        finally:
            given.since = None

    def closing(self: Any, *args: Any) -> None:
        number = self.fileno()
        owner = table.thing_closes(number, self, skip=3) if number >= 0 else None
        try:
            close(self, *args)
        finally:
            table.gone(owner)

    def detaching(self: Any) -> int:
        number: int = detach(self)
        if number >= 0:
            table.released(number, self, skip=3)
        return number

    def finalised(self: Any) -> None:
        number = self.fileno()
        owner = table.thing_closes(number, self, finalises=True, skip=3) if number >= 0 else None
        finalise(self)
        table.gone(owner)

    update_wrapper(initialise, init)
    update_wrapper(accepting, accept)
    update_wrapper(detaching, detach)
    update_wrapper(closing, close)
    kind.__init__, kind.accept, kind._real_close, kind.detach = initialise, accepting, closing, detaching
    kind.__del__ = finalised
