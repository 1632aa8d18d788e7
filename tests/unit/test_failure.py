"""What an exception tells."""

import errno
import unittest

import pytest

from flakeproof_worker.failure import describe, frames_of, is_skip, message_of


def raised(error: BaseException) -> BaseException:
    """`error`, with a traceback."""
    try:
        raise error
    except BaseException as caught:
        return caught


def test_type_message_and_errno() -> None:
    """An OSError is described by its type, text and symbolic errno."""
    found = describe(raised(OSError(errno.EBADF, "Bad file descriptor")))
    assert (found["type"], found["errno"]) == ("OSError", "EBADF")
    assert found["message"] == "[Errno 9] Bad file descriptor"
    assert [frame[2] for frame in found["frames"]] == ["raised"]


@pytest.mark.parametrize("suppressed", [False, True])
def test_causes_follow(suppressed: bool) -> None:
    """`raise … from` is kept, unless it is from None."""

    def fail() -> None:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise ValueError("second") from None if suppressed else error

    with pytest.raises(ValueError, match="second") as caught:
        fail()
    cause = describe(caught.value).get("cause", {})
    assert cause.get("type") == (None if suppressed else "KeyError")


def test_a_ring_of_causes_ends() -> None:
    """Exceptions that cause each other are described once."""
    first, second = ValueError("1"), ValueError("2")
    first.__cause__, second.__cause__ = second, first
    assert "cause" not in describe(first)["cause"]


def test_nested_groups_are_limited() -> None:
    """However groups are nested, the description stays small."""
    group: Exception = ValueError("leaf")
    for _ in range(5):
        group = ExceptionGroup("level", [group, *(ValueError(str(index)) for index in range(9))])
    assert str(describe(group)).count("'type'") <= 14


def test_lone_surrogates_are_shown_as_escapes() -> None:
    """A message can be written in UTF-8."""
    assert message_of(ValueError("a\ud800b")) == "a\\ud800b"


def test_a_hostile_errno_is_ignored() -> None:
    """Attributes that raise are not looked at."""

    class HostileError(Exception):
        @property
        def errno(self) -> int:
            raise RuntimeError

    assert "errno" not in describe(HostileError())


@pytest.mark.parametrize("kind", [unittest.SkipTest, type("Mine", (unittest.SkipTest,), {}), pytest.skip.Exception])
def test_skips(kind: type[BaseException]) -> None:
    """The ways in which tests say that they do not want to run."""
    assert is_skip(kind("no"))
    assert not is_skip(ValueError())


def test_deep_tracebacks_lose_their_middle() -> None:
    """The first and the last frames are kept."""

    def deeper(depth: int) -> None:
        if depth == 0:
            raise ValueError
        deeper(depth - 1)

    with pytest.raises(ValueError) as caught:  # noqa: PT011
        deeper(100)
    frames = frames_of(caught.value.__traceback__)
    assert len(frames) == 40
    assert frames[0][2] == "test_deep_tracebacks_lose_their_middle"
