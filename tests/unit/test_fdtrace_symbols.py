"""Names in words, and answers of addr2line."""

import pytest

from flakeproof.features.fdtrace.conclusions import in_words
from flakeproof.features.fdtrace.frames import Frame
from flakeproof.features.fdtrace.symbols import FrameLocation, _blocks, _place


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("TCP:[127.0.0.1:1->127.0.0.1:2]", "TCP socket 127.0.0.1:1->127.0.0.1:2"),
        ("TCPv6:[[::1]:80]", "TCPv6 socket [::1]:80"),
        ("TCP:[164776545]", "TCP socket"),
        ("UNIX-STREAM:[8->9]", "Unix socket"),
        ('UNIX-STREAM:[8,"/run/x"]', 'Unix socket 8,"/run/x"'),
        ("socket:[12]", "socket"),
        ("pipe:[12]", "pipe"),
        ("anon_inode:[eventpoll]", "epoll"),
        ("anon_inode:[eventfd]", "eventfd"),
        ("/dev/null<char 1:3>", "/dev/null"),
        ("/tmp/a file", "/tmp/a file"),
        ("", "unknown"),
    ],
)
def test_what_a_descriptor_is(name: str, words: str) -> None:
    """In words for people."""
    assert in_words(name) == words


def test_of_functions_that_became_part_of_others_the_user_s_own_is_named() -> None:
    """A library's destructor in the middle of it is not where the mistake is."""
    answer = [
        "0x0000000000001234",
        "drop",
        "/rustc/59807616/library/std/src/os/fd/owned.rs:216",
        "app::twice",
        "/home/me/app/src/main.rs:12 (discriminator 3)",
        "app::main",
        "/home/me/app/src/main.rs:40",
        "0x0000000000001300",
        "??",
        "??:0",
    ]
    first, second = _blocks(answer, 2)
    assert _place(Frame("/app", "app::main", 1), first) == FrameLocation(
        "app::twice", "/home/me/app/src/main.rs", 12, True
    )
    assert _place(Frame("/app", "", 1), second) is None


def test_a_library_s_line_is_not_told_for_a_function_of_the_user_s() -> None:
    """The addr2line of Go tells the line of what became a part of it, without saying so."""
    (pairs,) = _blocks(["app.TestX", "/usr/local/go/src/os/file.go:134"], 1)
    assert _place(Frame("/app", "app.TestX", 1), pairs) is None
    assert _place(Frame("/app", "os.(*file).close", 1), pairs) == FrameLocation(
        "", "/usr/local/go/src/os/file.go", 134, False
    )


def test_answers_that_do_not_fit_the_questions_are_not_used() -> None:
    """Whatever has gone wrong with them."""
    assert _blocks(["main", "a.c:1"], 2) == []
    assert _blocks([], 1) == []
