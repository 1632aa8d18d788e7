"""What the servers of this package raise when background work would not end."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ShutdownError", "Unfinished"]


@dataclass(frozen=True, slots=True)
class Unfinished:
    """One background unit that was still running when ``shutdown()`` gave up."""

    name: str
    """Name of the thread or task."""
    peer: str | None
    """Address of the connection it serves, ``None`` for the accept loop."""
    where: str
    """Innermost line it was standing at, ``file:line in function``."""

    def __str__(self) -> str:
        peer = f" (peer {self.peer})" if self.peer else ""
        return f"{self.name}{peer} at {self.where}"


class ShutdownError(Exception):
    """Background work outlived ``shutdown(timeout=...)``.

    Errors that handlers had reported by then are its ``__cause__``, an exception group.
    """

    def __init__(self, server: str, timeout: float, unfinished: tuple[Unfinished, ...]) -> None:
        self.server = server
        self.timeout = timeout
        """Seconds that were granted."""
        self.unfinished = unfinished
        super().__init__(server, timeout, unfinished)

    def __str__(self) -> str:
        units = "".join(f"\n  {unit}" for unit in self.unfinished)
        return (
            f"{self.server}: {len(self.unfinished)} background unit(s) did not end within "
            f"{self.timeout:g} s of shutdown; make the handler return when its connection ends:{units}"
        )
