"""What Linux knows of a TCP connection: ``struct tcp_info`` as a typed record.

Layout: ``include/uapi/linux/tcp.h`` of the Linux kernel, ``struct tcp_info``; read with
``getsockopt(IPPROTO_TCP, TCP_INFO)``, see tcp(7). The kernel only ever appends members, and hands out as many
bytes as it knows, so a record of an older kernel is a prefix of this one: its missing members are ``None``
here.
"""

from __future__ import annotations

import enum
import errno
import socket
import struct
import sys
from dataclasses import dataclass, fields
from typing import Final, NamedTuple

__all__ = [
    "MeasuredRoundTrip",
    "NotTCPError",
    "TCPInfo",
    "TCPInfoUnsupportedError",
    "TCPState",
    "measured_round_trip",
    "round_trip_time",
    "tcp_info",
]

_IPPROTO_TCP: Final = 6
_TCP_INFO: Final = 11  # TCP_INFO in include/uapi/linux/tcp.h; other systems number it otherwise
_SUPPORTED: Final = sys.platform == "linux"


class TCPState(enum.IntEnum):
    """State of the connection: the enumeration of ``include/net/tcp_states.h``."""

    ESTABLISHED = 1
    SYN_SENT = 2
    SYN_RECV = 3
    FIN_WAIT1 = 4
    FIN_WAIT2 = 5
    TIME_WAIT = 6
    CLOSE = 7
    CLOSE_WAIT = 8
    LAST_ACK = 9
    LISTEN = 10
    CLOSING = 11
    NEW_SYN_RECV = 12
    BOUND_INACTIVE = 13


class NotTCPError(OSError):
    """The socket has no ``TCP_INFO``: it is not a TCP socket."""


class TCPInfoUnsupportedError(NotImplementedError):
    """This system has no Linux ``struct tcp_info``."""


class MeasuredRoundTrip(NamedTuple):
    """What the kernel has measured, and by what: a small part of :class:`TCPInfo`, with the same names."""

    rtt: int
    rttvar: int
    total_retrans: int
    bytes_acked: int


@dataclass(frozen=True, slots=True)
class TCPInfo:
    """Linux's ``struct tcp_info``; members keep the kernel's names without ``tcpi_``.

    Times are in microseconds unless stated otherwise; rates in bytes a second. A listening socket reuses
    ``unacked`` for the length of its accept queue and ``sacked`` for its limit.
    """

    state: TCPState
    """Offset 0."""
    ca_state: int
    """Offset 1: 0 open, 1 disorder, 2 CWR, 3 recovery, 4 loss (``enum tcp_ca_state``)."""
    retransmits: int
    """Offset 2: unanswered retransmissions of the oldest segment."""
    probes: int
    """Offset 3."""
    backoff: int
    """Offset 4."""
    options: int
    """Offset 5: ``TCPI_OPT_*`` bits."""
    snd_wscale: int
    """Offset 6, four bits."""
    rcv_wscale: int
    """Offset 6, four bits."""
    delivery_rate_app_limited: bool
    """Offset 7, one bit."""
    fastopen_client_fail: int
    """Offset 7, two bits."""
    rto: int
    """Offset 8: retransmission timeout."""
    ato: int
    """Offset 12: delayed-acknowledgement timeout."""
    snd_mss: int
    """Offset 16, bytes."""
    rcv_mss: int
    """Offset 20, bytes."""
    unacked: int
    """Offset 24, segments."""
    sacked: int
    """Offset 28, segments."""
    lost: int
    """Offset 32, segments."""
    retrans: int
    """Offset 36, segments in flight again."""
    fackets: int
    """Offset 40."""
    last_data_sent: int
    """Offset 44, milliseconds ago."""
    last_ack_sent: int
    """Offset 48, never filled in by the kernel."""
    last_data_recv: int
    """Offset 52, milliseconds ago."""
    last_ack_recv: int
    """Offset 56, milliseconds ago."""
    pmtu: int
    """Offset 60, bytes."""
    rcv_ssthresh: int
    """Offset 64, bytes."""
    rtt: int
    """Offset 68: smoothed round-trip time."""
    rttvar: int
    """Offset 72: its mean deviation."""
    snd_ssthresh: int
    """Offset 76, segments."""
    snd_cwnd: int
    """Offset 80, segments."""
    advmss: int
    """Offset 84, bytes."""
    reordering: int
    """Offset 88, segments."""
    rcv_rtt: int
    """Offset 92: the receiver's estimate."""
    rcv_space: int
    """Offset 96, bytes."""
    total_retrans: int
    """Offset 100, segments sent again during the connection's life."""
    pacing_rate: int | None = None
    """Offset 104; all ones: unlimited."""
    max_pacing_rate: int | None = None
    """Offset 112; all ones: unlimited."""
    bytes_acked: int | None = None
    """Offset 120."""
    bytes_received: int | None = None
    """Offset 128."""
    segs_out: int | None = None
    """Offset 136."""
    segs_in: int | None = None
    """Offset 140."""
    notsent_bytes: int | None = None
    """Offset 144."""
    min_rtt: int | None = None
    """Offset 148."""
    data_segs_in: int | None = None
    """Offset 152."""
    data_segs_out: int | None = None
    """Offset 156."""
    delivery_rate: int | None = None
    """Offset 160."""
    busy_time: int | None = None
    """Offset 168."""
    rwnd_limited: int | None = None
    """Offset 176: time limited by the peer's window."""
    sndbuf_limited: int | None = None
    """Offset 184: time limited by our buffer."""
    delivered: int | None = None
    """Offset 192, segments."""
    delivered_ce: int | None = None
    """Offset 196, segments acknowledged with a congestion mark."""
    bytes_sent: int | None = None
    """Offset 200."""
    bytes_retrans: int | None = None
    """Offset 208."""
    dsack_dups: int | None = None
    """Offset 216."""
    reord_seen: int | None = None
    """Offset 220."""
    rcv_ooopack: int | None = None
    """Offset 224, segments that arrived out of order."""
    snd_wnd: int | None = None
    """Offset 228, bytes."""
    rcv_wnd: int | None = None
    """Offset 232, bytes."""
    rehash: int | None = None
    """Offset 236."""
    total_rto: int | None = None
    """Offset 240: retransmission timeouts."""
    total_rto_recoveries: int | None = None
    """Offset 242."""
    total_rto_time: int | None = None
    """Offset 244, milliseconds spent in them."""

    @classmethod
    def from_bytes(cls, data: bytes) -> TCPInfo:
        """Decode what ``getsockopt`` returned.

        Members that the bytes do not reach are ``None``; bytes past the last known member are ignored.

        Raises:
            ValueError: fewer bytes than any kernel returns (104, up to ``total_retrans``).
        """
        if len(data) < _CLASSIC_SIZE:
            raise ValueError(f"struct tcp_info has at least {_CLASSIC_SIZE} bytes, got {len(data)}")
        known = _FULL_COUNT
        if len(data) < _FULL.size:
            known = sum(end <= len(data) for end in _ENDS)
            data = data.ljust(_FULL.size, b"\0")
        state, ca_state, retransmits, probes, backoff, options, scales, flags, *rest = _FULL.unpack_from(data)
        return cls(
            TCPState(state),
            ca_state,
            retransmits,
            probes,
            backoff,
            options,
            *_bit_fields(scales, flags),
            *rest[: known - 8],
        )


# Members of the struct in order, the four bit fields as their two bytes; "=" because the kernel leaves no
# padding.
_FORMAT: Final = "8B 24I 4Q 6I Q 3Q 2I 2Q 2I 4I 2H I"
_FULL: Final = struct.Struct("=" + _FORMAT)
_CLASSIC_SIZE: Final = 104


def _member_ends() -> tuple[int, ...]:
    """Offset just behind each member."""
    ends, end = [], 0
    for item in _FORMAT.split():
        size = struct.calcsize("=" + item[-1])
        for _ in range(int(item[:-1] or 1)):
            end += size
            ends.append(end)
    return tuple(ends)


_ENDS: Final = _member_ends()
_FULL_COUNT: Final = len(_ENDS)
assert len(fields(TCPInfo)) == _FULL_COUNT + 2  # two bytes hold four bit fields
_ROUND_TRIP: Final = struct.Struct("=68xI").unpack  # tcpi_rtt
_ROUND_TRIP_SIZE: Final = 72


_MEASURED: Final = struct.Struct("=68xII24xI16xQ")


def _bit_fields(scales: int, flags: int) -> tuple[int, int, bool, int]:
    """Bit fields start at the low bit on little-endian machines, at the high bit on big-endian ones."""
    if sys.byteorder == "little":
        return scales & 15, scales >> 4, bool(flags & 1), flags >> 1 & 3
    return scales >> 4, scales & 15, bool(flags >> 7), flags >> 5 & 3


def _read(sock: socket.socket, size: int) -> bytes:
    if not _SUPPORTED:
        raise TCPInfoUnsupportedError(f"struct tcp_info is Linux's; this is {sys.platform}")
    try:
        return sock.getsockopt(_IPPROTO_TCP, _TCP_INFO, size)
    except OSError as error:
        if error.errno in (errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.ENOTSOCK):
            raise NotTCPError(error.errno, f"not a TCP socket: {sock!r}") from error
        raise


def tcp_info(sock: socket.socket) -> TCPInfo:
    """Read the kernel's record of a TCP connection.

    Raises:
        TCPInfoUnsupportedError: not on Linux.
        NotTCPError: not a TCP socket.
        OSError: anything else ``getsockopt`` says, such as ``EBADF`` for a closed socket.
    """
    return TCPInfo.from_bytes(_read(sock, 512))


def round_trip_time(sock: socket.socket) -> int:
    """Smoothed round-trip time in microseconds: one ``getsockopt``, one unpack.

    Raises:
        The same as :func:`tcp_info`.
    """
    try:
        return _ROUND_TRIP(sock.getsockopt(_IPPROTO_TCP, _TCP_INFO, _ROUND_TRIP_SIZE))[0]  # type: ignore[no-any-return]
    except (OSError, struct.error):
        # The slow path words the error; it also serves a kernel that answers short, which has no such member.
        return TCPInfo.from_bytes(_read(sock, 512)).rtt


def measured_round_trip(sock: socket.socket) -> MeasuredRoundTrip:
    """The round-trip time with its variation, and what was acknowledged by then.

    Raises:
        TCPInfoUnsupportedError: not on Linux, or its kernel is older than 4.1.
        NotTCPError, OSError: as :func:`tcp_info`.
    """
    data = _read(sock, _MEASURED.size)
    if len(data) < _MEASURED.size:
        raise TCPInfoUnsupportedError("this kernel does not tell what was acknowledged (tcpi_bytes_acked)")
    return MeasuredRoundTrip._make(_MEASURED.unpack(data))
