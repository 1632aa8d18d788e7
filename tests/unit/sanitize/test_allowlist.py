"""Patterns say which leftovers are nobody's business; a bad one is refused."""

import pytest

from flakeproof_worker.sanitize.allowlist import BUILT_IN, Allowed
from flakeproof_worker.sanitize.sighting import CodeLine, Sighting, SightingPart

STACK = (
    CodeLine("/usr/lib/python3.11/threading.py", 964, "Thread.start"),
    CodeLine("/app/lib/site-packages/foo/beat.py", 12, "Client._start"),
    CodeLine("/app/tests/test_a.py", 3, "test_x"),
)


def sighting(what: str = "thread Client.run named beat-N", kind: str = "thread left running") -> Sighting:
    """One of a thread that a library has started."""
    return Sighting("leaks", kind, what, "", (SightingPart("created", STACK, 7, ""),))


@pytest.mark.parametrize(
    "pattern",
    [
        "thread:*",
        "thread:beat-*",
        "thread:beat-12",
        "thread:Client.run",
        "thread:Client.run named *",
        "thread Client.run*",
        "*left running",
        "*/site-packages/foo/*",
        "Client._start",
        "Client.[_]start",
    ],
)
def test_allowed(pattern: str) -> None:
    """By noun and name, by code, by kind, by file and function of where it was made."""
    assert Allowed([pattern]).allows(sighting())


@pytest.mark.parametrize(
    "pattern", ["task:*", "thread:beat", "*/nowhere/*", "thread:test_x", "Thread", "CLIENT._start", "run*"]
)
def test_not_allowed(pattern: str) -> None:
    """A pattern is about the whole of what it matches."""
    assert not Allowed([pattern]).allows(sighting())
    assert not Allowed().allows(sighting())


def test_a_pool_by_its_name() -> None:
    """Names of pools end in numbers, which are left out on both sides."""
    pool = sighting("thread ThreadPoolExecutor worker named db-N_N")
    assert Allowed(["thread:db-*"]).allows(pool)
    assert Allowed(["thread:db-0_1"]).allows(pool)
    assert not Allowed(["thread:web-*"]).allows(pool)


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("", "'' is no pattern"),
        ("  ", "'  ' is no pattern"),
        ("treads:x", "'treads:x': there is no kind 'treads'; before the colon stands one of thread, task"),
        ("thread:", "'thread:': nothing stands after the colon"),
        ("thread:a[b", "'thread:a\\[b': a \\[ is not closed"),
    ],
)
def test_bad_patterns(pattern: str, complaint: str) -> None:
    """The message names the pattern, and what to write instead."""
    with pytest.raises(ValueError, match=complaint):
        Allowed([pattern])


def test_built_in_ones_have_reasons() -> None:
    """Each is valid, and says why."""
    Allowed(BUILT_IN)
    assert all(reason for reason in BUILT_IN.values())
    helper = CodeLine("/usr/lib/python3.11/multiprocessing/resource_tracker.py", 1, "ResourceTracker.ensure_running")
    assert Allowed().allows(sighting()._replace(parts=(SightingPart("created", (helper, *STACK), 7, ""),)))
