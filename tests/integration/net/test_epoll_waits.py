"""The table of waits by itself: who is woken by which event, and who is not."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator

import pytest

from flakeproof.net.epoll_waits import READABLE, WRITABLE, EpollWaits

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="epoll is Linux's")


class Target:
    """Somebody who waits."""

    def __init__(self) -> None:
        self.woken = 0
        self.error: OSError | None = None

    def done(self) -> bool:
        """Whether the wait is over."""
        return self.woken > 0 or self.error is not None

    def set_result(self, result: None) -> None:
        """The event has come."""
        self.woken += 1

    def set_exception(self, exception: OSError) -> None:
        """The wait ended in an error."""
        self.error = exception


@pytest.fixture
def waits() -> Iterator[EpollWaits]:
    """An empty table."""
    waits = EpollWaits()
    yield waits
    waits.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected non-blocking sockets."""
    one, other = socket.socketpair()
    one.setblocking(False)
    with one, other:
        yield one, other


def poll(waits: EpollWaits) -> None:
    """Look without waiting."""
    waits.poll(0, always=-1)


def test_only_the_direction_that_is_ready(waits: EpollWaits, pair: tuple[socket.socket, socket.socket]) -> None:
    """An event wakes those who wait for it, once, and leaves the others waiting."""
    one, other = pair
    reader, writer = Target(), Target()
    waits.add(one, READABLE, reader)
    waits.add(one, WRITABLE, writer)
    poll(waits)
    assert (reader.woken, writer.woken) == (0, 1)
    poll(waits)
    other.send(b"x")
    poll(waits)
    assert (reader.woken, writer.woken) == (1, 1)
    poll(waits)
    assert (reader.woken, writer.woken) == (1, 1)
    assert len(waits) == 0


def test_the_same_direction_twice(waits: EpollWaits, pair: tuple[socket.socket, socket.socket]) -> None:
    """All who wait for one event are woken by it, except who gave up."""
    one, other = pair
    targets = [Target() for _ in range(3)]
    for target in targets:
        waits.add(one, READABLE, target)
    waits.discard(one.fileno(), targets[1])
    waits.discard(one.fileno(), targets[1])
    other.send(b"x")
    poll(waits)
    assert [target.woken for target in targets] == [1, 0, 1]


def test_waits_of_a_former_owner_end(waits: EpollWaits, pair: tuple[socket.socket, socket.socket]) -> None:
    """Whoever waits for a socket whose number is somebody else's gets EBADF, and nothing of the new
    owner's."""
    _, other = pair
    former = socket.socket(fileno=socket.dup(other.fileno()))
    stale, fresh = Target(), Target()
    waits.add(former, READABLE, stale)
    number = former.fileno()
    former.close()
    with socket.socket(fileno=socket.dup(other.fileno())) as owner:
        assert owner.fileno() == number
        waits.add(owner, WRITABLE, fresh)
        assert stale.error is not None
        assert stale.error.errno == errno.EBADF
        poll(waits)
        assert (stale.woken, fresh.woken) == (0, 1)


def test_sweep_leaves_the_living(waits: EpollWaits, pair: tuple[socket.socket, socket.socket]) -> None:
    """A sweep ends the waits for closed sockets and no others."""
    one, other = pair
    closed, its_peer = socket.socketpair()
    dead, alive = Target(), Target()
    waits.add(closed, READABLE, dead)
    waits.add(one, READABLE, alive)
    closed.close()
    its_peer.close()
    waits.sweep()
    waits.sweep()
    assert dead.error is not None
    assert alive.error is None
    other.send(b"x")
    poll(waits)
    assert alive.woken == 1


def test_failed_registration_leaves_no_wait(waits: EpollWaits) -> None:
    """What cannot be waited for is the caller's error; the sweep ends the wait that was there before."""
    one, other = socket.socketpair()
    kept, refused = Target(), Target()
    waits.add(one, READABLE, kept)
    os.close(one.fileno())
    with pytest.raises(OSError, match="Bad file descriptor"):
        waits.add(one, READABLE, refused)
    assert (refused.woken, refused.error) == (0, None)
    assert kept.error is None
    waits.sweep()
    assert (refused.woken, refused.error) == (0, None)
    assert kept.error is not None
    one.detach()
    other.close()
