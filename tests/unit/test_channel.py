"""The conversation between coordinator and worker."""

import json
import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flakeproof_worker.reporter import Channel

TEXT = st.text(st.characters(codec=None), max_size=50)


@pytest.fixture
def ends() -> Iterator[tuple[Channel, socket.socket]]:
    """A channel and the raw socket at its other end."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours), theirs


@given(texts=st.lists(TEXT, max_size=5))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_one_line_of_utf8(texts: list[str], ends: tuple[Channel, socket.socket]) -> None:
    """Whatever a message holds, lone surrogates included, strict readers take it."""
    channel, other = ends
    channel.send({"texts": texts})
    data = other.recv(100_000)
    assert data.count(b"\n") == 1
    expected = [text.encode(errors="replace").decode() for text in texts]
    assert json.loads(data.decode("utf-8")) == {"texts": expected}


def test_messages_arrive_whole_and_in_order(ends: tuple[Channel, socket.socket]) -> None:
    """However the bytes are cut, messages come out whole."""
    channel, other = ends
    data = b"".join(json.dumps({"n": index}).encode() + b"\n" for index in range(3))
    other.sendall(data[:12])
    assert channel.receive_ready() == [{"n": 0}]
    other.sendall(data[12:])
    assert [channel.receive(), channel.receive()] == [{"n": 1}, {"n": 2}]
    assert channel.receive_ready() == []
    other.close()
    assert channel.receive() is None
    assert channel.at_end
