"""Captures as files, exchanged with Scapy."""

import struct
import warnings
from pathlib import Path

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what Scapy imports
    from scapy.layers.inet import IP, TCP
    from scapy.layers.l2 import Ether
    from scapy.utils import rdpcap, wrpcap

from flakeproof.net.packets import NotACaptureError, Packet, Tracker, pcap

DATA = bytes(IP(src="10.0.0.1", dst="10.0.0.2") / TCP(sport=1, dport=2, flags="S", seq=5))
AT = 1_700_000_000_123_456_789


def test_scapy_reads_what_we_write(tmp_path: Path) -> None:
    """With times to the nanosecond, and the length on the wire."""
    path = tmp_path / "some.pcap"
    assert pcap.write(path, [Packet(AT, DATA, 40), Packet(AT + 1, DATA[:30], 40)]) == 2
    first, second = rdpcap(str(path))
    assert (first[TCP].seq, first.wirelen, second.wirelen) == (5, 40, 40)
    assert int(first.time * 1_000_000_000) == AT
    assert list(pcap.read(path)) == [Packet(AT, DATA, 40), Packet(AT + 1, DATA[:30], 40)]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [True, False])
def test_we_read_what_scapy_writes(tmp_path: Path, order: str, nano: bool) -> None:
    """Both orders of bytes, both units of time; the tracker takes what stands there."""
    path = tmp_path / "some.pcap"
    packet = Ether() / IP(DATA)
    packet.time = 1_700_000_000.125
    wrpcap(str(path), [packet], nano=nano, endianness=order)
    packets = list(pcap.read(path))
    assert [(one.time, one.link, one.length) for one in packets] == [(1_700_000_000_125_000_000, 1, 54)]
    tracker = Tracker()
    tracker.feed_all(packets)
    assert [(one.client.port, one.server.port) for one in tracker.connections] == [(1, 2)]


def test_an_empty_capture_is_one(tmp_path: Path) -> None:
    """It has a head and nothing else."""
    path = tmp_path / "empty.pcap"
    assert pcap.write(path, []) == 0
    assert list(pcap.read(path)) == []


def test_a_capture_may_end_in_a_packet(tmp_path: Path) -> None:
    """Whoever wrote it was killed: what is whole is read."""
    path = tmp_path / "cut.pcap"
    pcap.write(path, [Packet(AT, DATA, 40)] * 2)
    path.write_bytes(path.read_bytes()[:-5])
    assert len(list(pcap.read(path))) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hello", "is no capture in the format pcap"),
        (b"", "is no capture in the format pcap"),
        (bytes.fromhex("0a0d0d0a") + bytes(40), "is pcapng; make it pcap: editcap -F nsecpcap"),
        (pcap.header(1) + struct.pack("<IIII", 0, 0, 2**31, 0), "is damaged: it has a packet of 2147483648 bytes"),
    ],
)
def test_what_is_no_capture_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    """With the remedy where there is one."""
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(NotACaptureError, match=said):
        list(pcap.read(path))


def test_a_capture_has_one_link_type(tmp_path: Path) -> None:
    """The format has but one field for it."""
    with pytest.raises(ValueError, match="of 101 and 1"):
        pcap.write(tmp_path / "two", [Packet(AT, DATA, 40), Packet(AT, DATA, 40, 1)])
