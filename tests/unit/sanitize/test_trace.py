"""Stacks: innermost first, ours left out, the user's line found."""

import os
import threading
from pathlib import Path

from flakeproof_worker.sanitize.sighting import CodeLine, Stack, here, is_users, places, user_place


def test_here() -> None:
    """The caller's own frame first, its caller's with 2, and never more than the limit."""

    def inner(skip: int, limit: int) -> Stack:
        return here(skip, limit)

    own = places(inner(1, 2))
    assert [place.function.rpartition(".")[2] for place in own] == ["inner", "test_here"]
    assert {place.file for place in own} == {__file__}
    assert own[0].line == inner.__code__.co_firstlineno + 1
    assert places(inner(2, 1))[0].function == "test_here"
    assert len(here()) <= 12
    assert here(1_000) == ()


def test_the_users_line() -> None:
    """Not the standard library's, not an installed package's."""
    standard = CodeLine(threading.__file__, 1, "start")
    installed = CodeLine("/app/.venv/lib/python3.11/site-packages/foo/a.py", 2, "f")
    users = CodeLine("/app/tests/test_a.py", 3, "test_x")
    assert user_place((standard, installed, users)) == users
    assert user_place((standard, installed)) is None
    assert not is_users("<frozen importlib._bootstrap>")
    assert is_users("<string>")


def test_our_own_frames_are_left_out() -> None:
    """Only what is the user's, or called by it, is shown."""
    assert places((*here(), (places.__code__, 1))) == places(here())[: len(here())]
    assert not is_users(os.path.realpath(places.__code__.co_filename))
    assert is_users(str(Path(__file__)))
