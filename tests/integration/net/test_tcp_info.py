"""``tcp_info`` against the kernel, and against what other kernels would say."""

from __future__ import annotations

import dataclasses
import errno
import socket
import struct
import sys
from collections.abc import Iterator

import pytest

from flakeproof.net import (
    NotTCPError,
    TCPInfo,
    TCPInfoUnsupportedError,
    TCPState,
    measured_round_trip,
    round_trip_time,
    tcp_info,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="struct tcp_info is Linux's")

# Offset, format and value of each member: include/uapi/linux/tcp.h, counted by hand, independent of the
# module's own format string. The bit fields are left out: they share bytes 6 and 7.
MEMBERS: dict[str, tuple[int, str]] = {
    "state": (0, "B"),
    "ca_state": (1, "B"),
    "retransmits": (2, "B"),
    "probes": (3, "B"),
    "backoff": (4, "B"),
    "options": (5, "B"),
    "rto": (8, "I"),
    "ato": (12, "I"),
    "snd_mss": (16, "I"),
    "rcv_mss": (20, "I"),
    "unacked": (24, "I"),
    "sacked": (28, "I"),
    "lost": (32, "I"),
    "retrans": (36, "I"),
    "fackets": (40, "I"),
    "last_data_sent": (44, "I"),
    "last_ack_sent": (48, "I"),
    "last_data_recv": (52, "I"),
    "last_ack_recv": (56, "I"),
    "pmtu": (60, "I"),
    "rcv_ssthresh": (64, "I"),
    "rtt": (68, "I"),
    "rttvar": (72, "I"),
    "snd_ssthresh": (76, "I"),
    "snd_cwnd": (80, "I"),
    "advmss": (84, "I"),
    "reordering": (88, "I"),
    "rcv_rtt": (92, "I"),
    "rcv_space": (96, "I"),
    "total_retrans": (100, "I"),
    "pacing_rate": (104, "Q"),
    "max_pacing_rate": (112, "Q"),
    "bytes_acked": (120, "Q"),
    "bytes_received": (128, "Q"),
    "segs_out": (136, "I"),
    "segs_in": (140, "I"),
    "notsent_bytes": (144, "I"),
    "min_rtt": (148, "I"),
    "data_segs_in": (152, "I"),
    "data_segs_out": (156, "I"),
    "delivery_rate": (160, "Q"),
    "busy_time": (168, "Q"),
    "rwnd_limited": (176, "Q"),
    "sndbuf_limited": (184, "Q"),
    "delivered": (192, "I"),
    "delivered_ce": (196, "I"),
    "bytes_sent": (200, "Q"),
    "bytes_retrans": (208, "Q"),
    "dsack_dups": (216, "I"),
    "reord_seen": (220, "I"),
    "rcv_ooopack": (224, "I"),
    "snd_wnd": (228, "I"),
    "rcv_wnd": (232, "I"),
    "rehash": (236, "I"),
    "total_rto": (240, "H"),
    "total_rto_recoveries": (242, "H"),
    "total_rto_time": (244, "I"),
}
BIT_FIELDS = {"snd_wscale", "rcv_wscale", "delivery_rate_app_limited", "fastopen_client_fail"}
FULL = 248


def raw_struct() -> bytes:
    """A struct in which every member has a value of its own: one that tells its offset."""
    data = bytearray(FULL)
    for offset, kind in MEMBERS.values():
        struct.pack_into("=" + kind, data, offset, offset + 1)
    return bytes(data)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A connected client and its server side."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        served, _ = listener.accept()
    with client, served:
        yield client, served


def test_members_are_complete() -> None:
    """The record has the members of the struct, and nothing else."""
    assert [field.name for field in dataclasses.fields(TCPInfo) if field.name not in BIT_FIELDS] == list(MEMBERS)


def test_every_member_comes_from_its_offset() -> None:
    """No member is read from a neighbour's place."""
    info = TCPInfo.from_bytes(raw_struct())
    assert {name: offset + 1 for name, (offset, _) in MEMBERS.items()} == {
        name: getattr(info, name) for name in MEMBERS
    }


@pytest.mark.skipif(sys.byteorder != "little", reason="the expected bits are those of a little-endian machine")
def test_bit_fields() -> None:
    """The four bit fields are taken from the bytes that they share."""
    data = bytearray(raw_struct())
    data[6:8] = bytes([0x7A, 0b101])
    info = TCPInfo.from_bytes(bytes(data))
    assert (info.snd_wscale, info.rcv_wscale) == (0xA, 0x7)
    assert (info.delivery_rate_app_limited, info.fastopen_client_fail) == (True, 2)


@pytest.mark.parametrize("size", range(104, FULL))
def test_short_struct_of_an_older_kernel(size: int) -> None:
    """Members that the bytes do not reach are None, all others are there."""
    info = TCPInfo.from_bytes(raw_struct()[:size])
    expected = {
        name: offset + 1 if offset + struct.calcsize(kind) <= size else None for name, (offset, kind) in MEMBERS.items()
    }
    assert expected == {name: getattr(info, name) for name in MEMBERS}


def test_longer_struct_of_a_newer_kernel() -> None:
    """What is appended later does not disturb."""
    assert TCPInfo.from_bytes(raw_struct()) == TCPInfo.from_bytes(raw_struct() + b"\xff" * 99)


def test_struct_shorter_than_any_kernels() -> None:
    """Too few bytes are refused, with their number."""
    with pytest.raises(ValueError, match=r"at least 104 bytes, got 103"):
        TCPInfo.from_bytes(raw_struct()[:103])


def test_established_connection(pair: tuple[socket.socket, socket.socket]) -> None:
    """A live connection reports plausible figures."""
    client, served = pair
    client.sendall(b"foo")
    assert served.recv(3) == b"foo"
    info = tcp_info(client)
    assert info.state is TCPState.ESTABLISHED
    assert 0 < info.rtt < 1_000_000
    assert 0 < info.rttvar < 1_000_000
    assert info.snd_cwnd > 0
    assert info.snd_mss > 0
    assert info.pmtu >= info.snd_mss
    assert info.total_retrans == 0
    assert info.bytes_sent in (None, 3)
    assert tcp_info(served).bytes_received in (None, 3)


def test_close_wait(pair: tuple[socket.socket, socket.socket]) -> None:
    """After the peer's end of stream the connection waits to be closed."""
    client, served = pair
    client.close()
    assert served.recv(1) == b""
    assert tcp_info(served).state is TCPState.CLOSE_WAIT


def test_listening_socket() -> None:
    """A listener has a record too."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert tcp_info(listener).state is TCPState.LISTEN


def test_round_trip_time_agrees(pair: tuple[socket.socket, socket.socket]) -> None:
    """The fast path reads the same member."""
    client, _ = pair
    assert tcp_info(client).rtt == round_trip_time(client) > 0


@pytest.mark.parametrize("read", [tcp_info, round_trip_time, measured_round_trip])
@pytest.mark.parametrize(
    ("family", "kind"), [(socket.AF_UNIX, socket.SOCK_STREAM), (socket.AF_INET, socket.SOCK_DGRAM)]
)
def test_not_a_tcp_socket(read: object, family: socket.AddressFamily, kind: socket.SocketKind) -> None:
    """Other sockets are refused by name."""
    assert callable(read)
    with socket.socket(family, kind) as sock, pytest.raises(NotTCPError, match="not a TCP socket: <socket"):
        read(sock)


@pytest.mark.parametrize("read", [tcp_info, round_trip_time, measured_round_trip])
def test_closed_socket_is_an_ordinary_error(read: object) -> None:
    """EBADF, the symptom of a descriptor closed by a stranger, comes through as it is."""
    assert callable(read)
    sock = socket.socket()
    sock.close()
    with pytest.raises(OSError, match="Bad file descriptor") as caught:
        read(sock)
    assert caught.value.errno == errno.EBADF
    assert type(caught.value) is OSError


@pytest.mark.parametrize("read", [tcp_info, round_trip_time, measured_round_trip])
def test_another_system(read: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the struct is another one it is refused rather than misread."""
    assert callable(read)
    # The module is hidden behind the function of the same name.
    monkeypatch.setattr(sys.modules["flakeproof.net.tcp_info"], "_SUPPORTED", False)
    with socket.socket(socket.AF_UNIX) as sock, pytest.raises(TCPInfoUnsupportedError, match="is Linux's"):
        read(sock)


def test_record_is_frozen() -> None:
    """A record is a value."""
    info = TCPInfo.from_bytes(raw_struct())
    with pytest.raises(dataclasses.FrozenInstanceError):
        info.rtt = 1  # type: ignore[misc]


def test_what_was_measured_is_a_part_of_the_whole() -> None:
    """The short record has the members of the long one."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        short, whole = measured_round_trip(client), tcp_info(client)
        assert (short.rtt, short.rttvar) == (whole.rtt, whole.rttvar)
        assert (short.total_retrans, short.bytes_acked) == (whole.total_retrans, whole.bytes_acked) == (0, 1)
