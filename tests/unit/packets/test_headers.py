"""From bytes to segments: every header that Scapy can write is read as Scapy meant it."""

import random
import warnings
from typing import Any

import pytest
from hypothesis import given, settings, strategies

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what Scapy imports
    from scapy.layers.inet import IP, TCP, UDP, fragment
    from scapy.layers.inet6 import (
        IPv6,
        IPv6ExtHdrDestOpt,
        IPv6ExtHdrFragment,
        IPv6ExtHdrHopByHop,
        IPv6ExtHdrRouting,
        fragment6,
    )
    from scapy.layers.l2 import CookedLinux, Dot1AD, Dot1Q, Ether, Loopback

from flakeproof.net.packets import SegmentReader
from flakeproof.net.packets.headers import start_of_ip

cut: Any = fragment
cut6: Any = fragment6
"""Scapy has no types for them."""
NUMBERS = strategies.integers(0, 2**32 - 1)
PORTS = strategies.integers(1, 65535)
OPTIONS = strategies.lists(
    strategies.one_of(
        strategies.just(("NOP", None)),
        strategies.just(("SAckOK", b"")),
        strategies.builds(lambda size: ("MSS", size), strategies.integers(0, 65535)),
        strategies.builds(lambda scale: ("WScale", scale), strategies.integers(0, 14)),
        strategies.builds(lambda times: ("Timestamp", times), strategies.tuples(NUMBERS, NUMBERS)),
    ),
    max_size=3,
    unique_by=lambda option: option[0],
)


@settings(max_examples=50)
@given(
    v6=strategies.booleans(),
    ports=strategies.tuples(PORTS, PORTS),
    numbers=strategies.tuples(NUMBERS, NUMBERS),
    flags=strategies.integers(0, 63),
    window=strategies.integers(0, 65535),
    options=OPTIONS,
    size=strategies.integers(0, 100),
    extended=strategies.integers(0, 7),
)
def test_headers_are_read_as_scapy_writes_them(
    v6: bool,
    ports: tuple[int, int],
    numbers: tuple[int, int],
    flags: int,
    window: int,
    options: list[tuple[str, Any]],
    size: int,
    extended: int,
) -> None:
    """Both versions of IP, with options and extension headers, and all options of TCP."""
    tcp = TCP(
        sport=ports[0], dport=ports[1], seq=numbers[0], ack=numbers[1], flags=flags, window=window, options=options
    )
    layer: Any
    if v6:
        layer = IPv6(src="fd00::1", dst="fd00::2")
        for bit, header in ((1, IPv6ExtHdrHopByHop()), (2, IPv6ExtHdrRouting()), (4, IPv6ExtHdrDestOpt())):
            layer = layer / header if extended & bit else layer
        addresses = bytes.fromhex("fd00" + "00" * 13 + "01" + "fd00" + "00" * 13 + "02")
    else:
        layer = IP(src="10.1.2.3", dst="10.4.5.6", options=[b"\x01"] * extended)
        addresses = bytes((10, 1, 2, 3, 10, 4, 5, 6))
    found = SegmentReader().read(0, bytes(layer / tcp / (b"x" * size)))
    assert found is not None
    assert found.key == addresses + ports[0].to_bytes(2) + ports[1].to_bytes(2)
    assert found[1:6] == (*numbers, flags, window, size)
    given_options = dict(options)
    assert (found.tsval, found.tsecr) == given_options.get("Timestamp", (None, None))
    assert found.scale == given_options.get("WScale")


SEGMENT = TCP(sport=1, dport=2, seq=7, flags="PA") / (b"x" * 3000)


@pytest.mark.parametrize("order", ["sent", "reversed", "doubled", "shuffled"])
@pytest.mark.parametrize("version", [4, 6])
def test_fragments_make_one_segment(version: int, order: str) -> None:
    """In any order and with copies; the length is that of the whole."""
    if version == 4:
        pieces = [bytes(piece) for piece in cut(IP(src="10.0.0.1", dst="10.0.0.2", id=9) / SEGMENT, fragsize=504)]
    else:
        whole = IPv6(src="fd00::1", dst="fd00::2") / IPv6ExtHdrFragment(id=9) / SEGMENT
        pieces = [bytes(piece) for piece in cut6(whole, 600)]
    assert len(pieces) > 4
    if order == "reversed":
        pieces.reverse()
    elif order == "doubled":
        pieces = [piece for piece in pieces[:-1] for _ in range(2)] + pieces[-1:]
    elif order == "shuffled":
        random.Random(3).shuffle(pieces)
    reader = SegmentReader()
    found = [segment for piece in pieces if (segment := reader.read(0, piece)) is not None]
    assert [(one.seq, one.length, one.key[-4:]) for one in found] == [(7, 3000, b"\0\1\0\2")]
    assert reader.fragments.waiting == 0


def test_fragments_that_stay_alone_are_given_up() -> None:
    """Their number is bounded."""
    reader = SegmentReader()
    (first, *_) = cut(IP(src="10.0.0.1", dst="10.0.0.2", id=9) / SEGMENT, fragsize=504)
    for name in range(100):
        packet = bytes(first)[:4] + name.to_bytes(2) + bytes(first)[6:]
        assert reader.read(name, packet) is None
    assert (reader.fragments.waiting, reader.fragments.given_up) == (64, 36)


def test_the_end_of_a_packet_may_be_cut_off() -> None:
    """The length is that on the wire; where the header itself is cut, the packet is counted and no more."""
    packet = bytes(IP(src="10.0.0.1", dst="10.0.0.2") / SEGMENT)
    reader = SegmentReader()
    lengths = [found.length for size in (60, 40, 36) if (found := reader.read(0, packet[:size], len(packet)))]
    assert lengths == [3000] * 3
    assert [reader.read(0, packet[:size], len(packet)) for size in range(36)] == [None] * 36
    assert reader.cut_off == 36


@settings(max_examples=60)
@given(strategies.binary(max_size=120))
def test_any_bytes_are_read(data: bytes) -> None:
    """Nothing raises."""
    reader = SegmentReader()
    found = reader.read(0, data)
    assert found is None or found.length >= 0
    for first in (b"\x45", b"\x46", b"\x60"):
        reader.read(0, first + data)


def test_what_is_not_tcp_is_counted() -> None:
    """UDP, and what is not IP."""
    reader = SegmentReader()
    assert [reader.read(0, bytes(IP() / UDP())), reader.read(0, b"\x20" * 40)] == [None, None]
    assert (reader.other, reader.cut_off) == (2, 0)


@pytest.mark.parametrize(
    ("link", "packet", "start"),
    [
        (1, Ether() / IP(), 14),
        (1, Ether() / IPv6(), 14),
        (1, Ether() / Dot1Q(vlan=5) / IP(), 18),
        (1, Ether() / Dot1AD(vlan=5) / Dot1Q(vlan=6) / IP(), 22),
        (113, CookedLinux(proto=0x0800) / IP(), 16),
        (0, Loopback(type=2) / IP(), 4),
        (101, IP(), 0),
        (1, Ether(type=0x0806), None),
        (276, b"\x08\x00" + bytes(18) + bytes(IP()), 20),
        (276, b"\x08\x06" + bytes(18), None),
    ],
)
def test_link_layers(link: int, packet: Any, start: int | None) -> None:
    """Where the header of IP begins."""
    assert start_of_ip(link, bytes(packet)) == start


def test_an_unknown_link_layer_is_named() -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="link type 147 is not known"):
        start_of_ip(147, b"")
