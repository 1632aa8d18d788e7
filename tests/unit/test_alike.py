"""Signatures that count as one flake."""

import pytest

from flakeproof.failures.signature import Alike

WRITE = "StepError[EBADF] write failed (local=<address>): [Errno 9] Bad file\ndescriptor at tcprtt:trial"


@pytest.mark.parametrize(
    ("patterns", "name"),
    [
        ((), WRITE),
        ((WRITE,), WRITE),
        (("StepError[EBADF] *",), "StepError[EBADF] *"),
        (("*[EBADF]*trial", "*"), "*[EBADF]*trial"),
        (("StepError[EBADF] write",), WRITE),
        (("StepError.EBADF. *",), WRITE),
        (("*write failed",), WRITE),
    ],
    ids=["none", "itself", "beginning", "first", "whole", "letters", "end"],
)
def test_names(patterns: tuple[str, ...], name: str) -> None:
    """A pattern fits a signature as a whole, only its stars mean something, and the first one counts."""
    assert Alike(patterns).name(WRITE) == name


def test_several_faces_are_one() -> None:
    """A test that fails in two of its ways has failed once."""
    alike = Alike(["OSError*"])

    assert alike.names(["OSError[EPIPE] a", "ValueError b", "OSError[EBADF] c"]) == ["OSError*", "ValueError b"]
