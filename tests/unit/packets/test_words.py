"""What is told of a connection: who closed it, over which data, and nothing that the packets do not show."""

from collections.abc import Sequence

import pytest
from tests.unit.packets.test_tracker import OPENING, WRITE, made, tracked

from flakeproof.net.packets.words import duration, stories

RESET = ("s", "RA", 501, 104, 0)
FIN = ("c", "FA", 104, 501, 0)


def told(*segments: tuple[str, str, int, int, int], over_unread: int | None = None) -> tuple[str, list[str], list[str]]:
    """The story of the only connection among `segments`, each a tenth of a millisecond after the one before."""
    (story,) = stories(tracked(made(*segments, step=100_000)).connections, over_unread)
    return story.head, story.unusual, story.usual


def test_the_head_tells_the_ends_and_the_data() -> None:
    """And the round trip, where there is one."""
    head, _, _ = told(*OPENING, *WRITE)
    assert head == "127.0.0.1:4000 to 127.0.0.1:80: 3 bytes there, 0 bytes back, round trip 0.1 ms"


@pytest.mark.parametrize(
    ("segments", "over_unread", "unusual", "usual"),
    [
        ((*OPENING, *WRITE), 0, [], ["nobody had closed it"]),
        ((*OPENING, *WRITE, FIN), 0, [], ["the client sent FIN 0.5 ms after it was opened"]),
        (
            (*OPENING, *WRITE, RESET),
            1,
            ["the server sent RST 0.2 ms after the client's 3 bytes, which it had not read to the end"],
            [],
        ),
        (
            (*OPENING, *WRITE, RESET),
            None,
            [
                "the server sent RST 0.2 ms after the client's 3 bytes, as a close does that leaves data unread, or "
                "one with SO_LINGER 0"
            ],
            [],
        ),
        (
            (*OPENING, *WRITE, RESET),
            0,
            [
                "the server sent RST 0.2 ms after the client's 3 bytes; no data was left unread (SO_LINGER 0, or "
                "nobody had accepted it when its listener closed)"
            ],
            [],
        ),
        (
            (*OPENING, WRITE[0], ("s", "FA", 501, 101, 0)),
            0,
            [
                "the server sent FIN 0.1 ms after the client's 3 bytes; 3 bytes of the client's were not acknowledged "
                "yet"
            ],
            [],
        ),
        (
            (*OPENING, ("s", "FA", 501, 101, 0), ("c", "PA", 101, 502, 3), ("s", "R", 502, 0, 0)),
            0,
            [
                "the server sent FIN 0.3 ms after it was opened",
                "the server answered with RST what came after it had closed (0.2 ms after its FIN)",
            ],
            [],
        ),
        (
            (("c", "S", 100, 0, 0), ("s", "RA", 0, 101, 0)),
            0,
            ["the server answered SYN with RST after 0.1 ms, as where nobody listens"],
            [],
        ),
        ((("c", "S", 100, 0, 0),), 0, ["nothing answered the client's SYN"], []),
        (
            (("c", "S", 100, 0, 0),) * 3,
            0,
            ["nothing answered the client's SYN, which it sent 3 times in 0.2 ms"],
            [],
        ),
        (
            (*OPENING, *WRITE, WRITE[0]),
            0,
            ["the client sent 1 segment again (3 bytes)"],
            ["nobody had closed it"],
        ),
    ],
)
def test_what_happened_is_said(
    segments: Sequence[tuple[str, str, int, int, int]], over_unread: int | None, unusual: list[str], usual: list[str]
) -> None:
    """What is usual apart from what is not."""
    assert told(*segments, over_unread=over_unread)[1:] == (unusual, usual)


def test_where_the_kernel_counts_for_several_nothing_is_said_of_one() -> None:
    """Two connections were reset over what they had received, and one of them over unread data: nobody knows which."""
    first = made(*OPENING, *WRITE, RESET)
    again = made(("c", "S", 900, 0, 0), ("s", "SA", 700, 901, 0), ("c", "A", 901, 701, 0), ("c", "PA", 901, 701, 3))
    again += made(("s", "A", 701, 904, 0), ("s", "RA", 701, 904, 0))
    packets = [(number * 1000, data) for number, (_, data) in enumerate([*first, *again], 1)]
    said = [story.unusual[0] for story in stories(tracked(packets).connections, 1)]
    assert len(said) == 2
    assert all("as a close does that leaves data unread, or one with SO_LINGER 0" in line for line in said)


def test_durations() -> None:
    """Two digits below ten milliseconds, seconds from one on."""
    assert [duration(ns) for ns in (340, 34_567, 1_234_567, 12_345_678, 1_234_567_890)] == [
        "0.00034 ms",
        "0.035 ms",
        "1.2 ms",
        "12 ms",
        "1.23 s",
    ]
