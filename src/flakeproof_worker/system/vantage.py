"""The packets of a network with a tunnel, as a capture on the client's machine has them.

Through a tunnel, each packet is seen when it is sent and, unless it is lost, when it arrives. A capture holds what its
machine sends and receives: of a connection, what the client sends when it is sent, and what the server sends when it
arrives. Whoever sent the SYN is the client.
"""

from statistics import median_low

from flakeproof_worker.system.packet_tap import Seen

_TCP = 6
_SYN_ACK, _SYN = 0x12, 0x02
_MOST = 20_000
"""Packets of which it is noted how long they took."""


class ClientView:
    """Takes packets in the order in which they are seen."""

    def __init__(self) -> None:
        self._clients: set[bytes] = set()
        self._under_way: dict[bytes, int] = {}
        self._took: list[int] = []

    def of(self, seen: list[Seen]) -> list[Seen]:
        """Those among what was `seen` that the machine of their client sees."""
        return [one for one in seen if self._is_of_client(one)]

    @property
    def one_way(self) -> int | None:
        """Nanoseconds that a packet took, in the median; None if none has arrived."""
        return median_low(self._took) if self._took else None

    @property
    def crossed(self) -> int:
        """Packets of which it is known how long they took."""
        return len(self._took)

    def _is_of_client(self, seen: Seen) -> bool:
        time, data, _, leaves = seen
        if len(data) < 40 or data[0] >> 4 != 4 or data[9] != _TCP:
            return leaves  # IPv6 takes no tunnel
        start = (data[0] & 15) * 4
        self._time(
            data[:start] + data[start : start + 16], time, leaves=leaves
        )  # up to the checksum, which comes later
        forth = data[12:20] + data[start : start + 4]
        back = data[16:20] + data[12:16] + data[start + 2 : start + 4] + data[start : start + 2]
        if leaves and data[start + 13] & _SYN_ACK == _SYN and forth not in self._clients:
            self._clients.add(forth)
            self._clients.discard(back)
        return leaves if forth in self._clients else not leaves

    def _time(self, mark: bytes, time: int, *, leaves: bool) -> None:
        if leaves:
            if len(self._under_way) < _MOST:
                self._under_way[mark] = time
        elif (sent := self._under_way.pop(mark, None)) is not None and len(self._took) < _MOST:
            self._took.append(time - sent)
