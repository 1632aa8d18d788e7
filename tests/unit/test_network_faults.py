"""How the faults of a network are written, and what becomes of packets under them."""

import socket
import struct

import pytest
from scapy.layers.inet import IP, TCP, UDP

from flakeproof.engine.network_words import relay_note
from flakeproof.perturbations.network import parse_network, written_network
from flakeproof_worker.perturb.fates import Fate, PacketFates, resets_for
from flakeproof_worker.shared.network_faults import Faults, read_faults
from flakeproof_worker.system.vantage import ClientView


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("delay=20ms,jitter=10ms", Faults(delay=0.02, jitter=0.01)),
        ("loss=1%,rst=0.1%", Faults(loss=0.01, rst=0.001)),
        ("delay=1s, reorder=5%, bandwidth=1.5mbit", Faults(delay=1, reorder=0.05, bandwidth=1_500_000)),
        ("dns=fail", Faults(dns=1)),
        ("dns=30%", Faults(dns=0.3)),
    ],
)
def test_what_is_written_is_read(text: str, faults: Faults) -> None:
    """Also in the form in which it is told."""
    normal = parse_network(text)
    assert read_faults(normal) == faults
    assert parse_network(written_network(normal)) == normal
    assert written_network(normal) == text.replace(" ", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' is no fault of a network"),
        ("slow", "'slow' is no fault of a network; write it like delay=20ms"),
        ("none,loss=1%", "'none' is no fault of a network"),
        ("loss=0%", "loss: '0%' is no fault at all"),
        ("loss=1%,loss=2%", "loss is given twice"),
        ("delay=2m", "delay: '2m' is not between nothing and a minute"),
        ("jitter=5ms", "jitter=5ms is more than the delay that it varies; add delay=5ms or more"),
        ("reorder=1%", "reorder lets packets pass others that are delayed, and none is; add delay=20ms"),
        ("bandwidth=9", "bandwidth: '9' is no bandwidth; write it like 1mbit"),
        ("bandwidth=9bit", "bandwidth: '9bit' is not between 1kbit and 10gbit"),
    ],
)
def test_what_means_nothing(text: str, said: str) -> None:
    """The value and the remedy are named."""
    with pytest.raises(ValueError, match=r".") as caught:
        parse_network(text)
    assert str(caught.value).startswith(said)


def packet(number: int, port: int = 1000, size: int = 0) -> bytes:
    """One of a TCP connection to port 80."""
    head = struct.pack(">BBHHHBBH", 0x45, 0, 40 + size, number, 0, 64, 6, 0) + 2 * socket.inet_aton("127.0.0.1")
    return head + struct.pack(">HHIIBBHHH", port, 80, number, 0, 0x50, 0x10, 0, 0, 0) + bytes(size)


def fates(faults: Faults, numbers: range, seed: int = 1, port: int = 1000) -> list[Fate]:
    """What becomes of packets, one each millisecond."""
    decided = PacketFates(faults, seed)
    return [decided.of(packet(number, port), number / 1000) for number in numbers]


def test_a_packet_has_the_same_fate_whatever_others_do() -> None:
    """By the seed, its connection, its direction and its number there; a larger share takes the same ones, and more."""
    faults = Faults(loss=0.2)
    alone = [fate.what for fate in fates(faults, range(300))]
    beside = PacketFates(faults, 1)
    beside.of(packet(0), 0.0)
    mixed = []
    for number in range(1, 300):
        beside.of(packet(number, port=2000), 0.0)
        mixed.append(beside.of(packet(number), 0.0).what)
    assert mixed == alone[1:]
    assert [fate.what for fate in fates(faults, range(300), seed=2)] != alone
    more = [fate.what for fate in fates(Faults(loss=0.5), range(300))]
    assert all(many == "lost" for few, many in zip(alone, more, strict=True) if few == "lost")
    assert 30 < alone.count("lost") < 90 < more.count("lost")  # of the seed, so always the same


def test_jitter_keeps_the_order_and_reordering_does_not() -> None:
    """Within a connection and direction."""
    late = fates(Faults(delay=0.02, jitter=0.02), range(300))
    arrivals = [fate.at for fate in late]
    assert arrivals == sorted(arrivals)
    assert all(number / 1000 <= fate.at for number, fate in enumerate(late))
    mixed = fates(Faults(delay=0.02, reorder=0.1), range(300))
    assert [fate.at for fate in mixed] != sorted(fate.at for fate in mixed)
    assert {fate.what for fate in mixed} == {"passed", "reordered"}


def test_a_narrow_line_takes_its_time_and_has_little_room() -> None:
    """A packet of 125 bytes takes a millisecond at 1 mbit; what a thousand wait before is dropped."""
    line = PacketFates(Faults(bandwidth=1e6), 1)
    found = [line.of(packet(number, size=85), 0.0) for number in range(1100)]
    assert [round(fate.at, 6) for fate in found[:3]] == [0.001, 0.002, 0.003]
    assert [fate.what for fate in found].count("passed") == 1000
    back = bytes(IP(dst="127.0.0.1") / TCP(sport=80, dport=1000, flags="A"))
    assert line.of(back, 0.0).at < 0.001  # the other way is another line


@pytest.mark.parametrize("flags", ["S", "SA", "PA", "FA"])
def test_resets_are_what_their_receivers_expect(flags: str) -> None:
    """As Scapy reads and sums them; a SYN is refused, and its receiver never hears of it."""
    sent = bytes(IP(src="127.0.0.2", dst="127.0.0.1") / TCP(sport=7, dport=80, seq=100, ack=200, flags=flags) / b"abc")
    if flags == "S":
        sent = bytes(IP(src="127.0.0.2", dst="127.0.0.1") / TCP(sport=7, dport=80, seq=100, flags=flags))
    resets = [IP(data) for data in resets_for(sent)]
    for reset in resets:
        fresh = reset.copy()
        del fresh.chksum, fresh[TCP].chksum
        assert bytes(fresh) == bytes(reset)
    back = resets[-1]
    assert (back.src, back.dst, back[TCP].sport, back[TCP].dport) == ("127.0.0.1", "127.0.0.2", 80, 7)
    if flags == "S":
        assert len(resets) == 1
        assert (str(back[TCP].flags), back[TCP].ack) == ("RA", 101)
    else:
        assert (str(back[TCP].flags), back[TCP].seq) == ("R", 200)
        assert (resets[0][TCP].seq, resets[0].dst) == (100, "127.0.0.1")
        assert str(resets[0][TCP].flags) == ("RA" if flags == "SA" else "R")


def test_only_tcp_is_reset() -> None:
    """And no RST is answered with another one."""
    assert resets_for(bytes(IP(dst="127.0.0.1") / UDP(dport=53) / b"query")) == []
    assert resets_for(bytes(IP(dst="127.0.0.1") / TCP(flags="R"))) == []


def test_the_client_sees_what_it_sends_and_what_arrives() -> None:
    """So that its round trip is there and back; and each packet is there once."""
    syn = bytes(IP(dst="127.0.0.1", id=1) / TCP(sport=7, dport=80, flags="S"))
    answer = bytes(IP(dst="127.0.0.1", id=2) / TCP(sport=80, dport=7, flags="SA"))
    lost = bytes(IP(dst="127.0.0.1", id=3) / TCP(sport=7, dport=80, flags="A"))
    view = ClientView()
    seen = [
        *((0, syn, 40, True), (20, syn, 40, False), (21, answer, 40, True), (41, answer, 40, False)),
        (50, lost, 40, True),
    ]
    assert [one[0] for one in view.of(seen)] == [0, 41, 50]
    assert (view.one_way, view.crossed) == (20, 2)


def test_what_a_relay_did_is_told_beside_what_was_asked() -> None:
    """Shares and mean; nothing where there was no relay."""
    counts = {"packets": 200, "passed": 190, "late": 190 * 20_400_000, "lost": 10, "by": 3, "unseen": 0}
    assert relay_note(counts, "delay=0.02,loss=0.04") == (
        "a relay of flakeproof's passed on what went to 127.0.0.1 (TUN): of 200 packets, those passed on took 20 ms on "
        "average (asked: 20ms), 10 (5.00%) were lost (asked: 4%); 3 packets over ::1 went past it, unchanged"
    )
    assert relay_note({}, None) == ""
    assert "no test has sent a packet" in relay_note({"by": 4}, "loss=0.04")


def test_checksums_of_an_odd_kind() -> None:
    """Any port and number gives a sum that the kernel accepts."""
    for number in (0, 1, 0xFFFF_FFFF, 0x8000_0000):
        sent = struct.pack(">HHIIBBHHH", 65535, number & 0xFFFF, number, number, 0x50, 0x10, 0, 0, 0)
        head = struct.pack(">BBHHHBBH", 0x45, 0, 40, 0, 0, 64, 6, 0) + 2 * socket.inet_aton("127.255.255.255")
        for data in resets_for(head + sent):
            fresh = IP(data).copy()
            del fresh.chksum, fresh[TCP].chksum
            assert bytes(fresh) == data
