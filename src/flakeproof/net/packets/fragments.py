"""Fragments of IP datagrams, put together as far as TCP's header and the length of its data need it.

Sources: RFC 791 section 3.2, RFC 8200 section 4.5.
"""

from dataclasses import dataclass, field

Key = tuple[bytes, object]
_MOST = 64
"""Datagrams that are kept at once; then the oldest goes."""
_SECONDS_KEPT = 60


@dataclass(slots=True)
class _Datagram:
    began: int
    head: bytes = b""
    """What the first fragment holds."""
    kind: int = 0
    """Protocol of what is in it, as the first fragment says."""
    total: int | None = None
    """Bytes, once the last fragment was seen."""
    pieces: list[tuple[int, int]] = field(default_factory=list)
    """From where to where there is something."""


class Fragments:
    """Datagrams of which some fragments are missing."""

    def __init__(self) -> None:
        self._waiting: dict[Key, _Datagram] = {}
        self.seen = 0
        self.given_up = 0
        """Datagrams that never became whole."""
        self.kind = 0
        """Protocol of what was in the datagram that `take` returned last."""

    @property
    def waiting(self) -> int:
        """How many datagrams wait for the rest of them."""
        return len(self._waiting)

    def take(
        self, key: Key, time: int, offset: int, more: bool, size: int, data: bytes, *, kind: int = 0
    ) -> tuple[bytes, int] | None:
        """Take in a fragment; if its datagram is whole with it, what the first one holds, and the length of all.

        `key` tells datagrams apart, `time` is in nanoseconds, `offset` and `size` in bytes; `more` is false for the
        last one.
        """
        self.seen += 1
        found = self._waiting.get(key)
        if found is None or time - found.began > _SECONDS_KEPT * 1_000_000_000:
            if found is not None or len(self._waiting) >= _MOST:
                self.given_up += 1
                del self._waiting[key if found is not None else next(iter(self._waiting))]
            found = self._waiting[key] = _Datagram(time)
        if offset == 0:
            found.head, found.kind = data, kind
        if not more:
            found.total = offset + size
        found.pieces.append((offset, offset + size))
        if found.total is None or not found.head or not _covered(found.pieces, found.total):
            return None
        del self._waiting[key]
        self.kind = found.kind
        return found.head, found.total


def _covered(pieces: list[tuple[int, int]], total: int) -> bool:
    reached = 0
    for start, end in sorted(pieces):
        if start > reached:
            return False
        reached = max(reached, end)
    return reached >= total
