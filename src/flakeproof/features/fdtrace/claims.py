"""Whose descriptor was it? What stacks tell about that, where descriptors carry no name of their owner.

| evidence | sure |
|---|---|
| EBADF is the answer to a close, or to a use, of a number that was open before | certain |
| a library made it for an object of its own (Go's net and os, stdio), something else closes it | certain |
| a file object was made around the number, something else closes the number | certain |
| a function that has neither opened nor used it closes it, and had opened a descriptor of that number before | likely |

That a descriptor is opened by one function and closed by another is none: that is how descriptors are handed over.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from flakeproof.features.fdtrace.calls import DUPLICATING, SystemCall
from flakeproof.features.fdtrace.frames import Stack
from flakeproof.features.fdtrace.tables import Life

_STANDARD_STREAMS = 2


@dataclass(frozen=True, slots=True)
class Maker:
    """A library whose objects own their descriptors: nobody else may close them."""

    name: str
    calls: frozenset[str]
    """System calls by which it makes them."""
    opens: tuple[str, ...]
    """Beginnings of its functions that are on the stack then."""
    closes: tuple[str, ...]
    """Beginnings of functions of which one is on the stack when it closes them itself."""


_OPEN = frozenset({"open", "openat", "openat2", "creat"})
_MAKERS = (
    Maker(
        "Go's net package",
        frozenset({"socket", "accept", "accept4"}),
        ("net.",),
        ("net.", "internal/poll.(*FD).", "internal/poll.(*SysFile)."),
    ),
    Maker(
        "Go's os package", _OPEN | {"pipe2"}, ("os.open", "os.Open", "os.Create", "os.Pipe"), ("os.", "internal/poll.")
    ),
    Maker(
        "stdio",
        _OPEN,
        ("fopen", "_IO_new_fopen", "_IO_file_fopen", "__fopen"),
        ("fclose", "_IO_fclose", "_IO_new_fclose", "_IO_file_close", "_IO_new_file_close", "freopen", "fcloseall"),
    ),
)
_FILE_OBJECT = ("os.(*file).", "os.(*File).")
"""Methods of Go's os.File, its finaliser among them."""


def maker_of(life: Life) -> Maker | None:
    """The library that has made it for an object of its own; None if it has none, or may have been handed out."""
    opener = life.opener
    if opener is None or life.is_copy:
        return None
    return next((maker for maker in _MAKERS if opener.name in maker.calls and opener.stack.has(*maker.opens)), None)


def is_past_maker(life: Life, closer: SystemCall) -> Maker | None:
    """The library past which `closer` closes a descriptor that is the library's."""
    maker = maker_of(life)
    if maker is None or not closer.stack.frames:
        return None
    if maker.opens == ("net.",) and closer.stack.has(*_FILE_OBJECT):
        return maker  # a file object uses the poller, too
    return None if closer.stack.has(*maker.closes) else maker


def is_past_wrapper(life: Life, closer: SystemCall) -> bool:
    """Whether `closer` closes a number around which a file object was made, and is not that object."""
    is_object = closer.stack.has(*_FILE_OBJECT)
    return bool(life.wrappers) and life.number > _STANDARD_STREAMS and bool(closer.stack.frames) and not is_object


def is_related(stack: Stack, life: Life) -> bool:
    """Whether a function on `stack` has a part in the descriptor's life; also if that cannot be told."""
    if stack.has(*_FILE_OBJECT) and not stack.owners:
        return _waits_for_object(life) or _made_like(stack, life)
    if not stack.owners:
        return True
    parts = _parts(life)
    return not parts or not stack.owners.isdisjoint(parts)


def claimed(stack: Stack, former: Sequence[Life]) -> Life:
    """That of the `former` lives of a number (the last one first) which whoever makes a call on it means."""
    return next((life for life in former if is_related(stack, life)), former[0])


def former_own(closer: SystemCall, former: Sequence[Life], *, noticed: bool = False) -> Life | None:
    """The life that was the closer's own and had ended before it closed the number once more.

    The function that closes must have opened it; any function on the stack where somebody has `noticed` the close.
    """
    stack = closer.stack
    if stack.has(*_FILE_OBJECT) and not stack.owners:
        return next((life for life in former if _waits_for_object(life)), None)
    closers = stack.owners if noticed else {stack.innermost} - {""}
    # Who replaces what is behind a number (dup2) leaves the number to its owner.
    ended = (life for life in former if life.closer is None or life.closer.name not in DUPLICATING)
    return next((life for life in ended if not closers.isdisjoint(_makers_of(life, all_of_them=noticed))), None)


def is_stranger(closer: SystemCall, life: Life, former: Sequence[Life]) -> bool:
    """Whether `closer` seems to have meant a descriptor of its own that had this number before."""
    function = closer.stack.innermost
    if life.is_copy or life.opener is None or not function or function in _parts(life):
        return False
    if not life.opener.stack.owners or life.opener.name in ("dup2", "dup3"):
        return False
    own = former_own(closer, former)
    # Who closes in the same place twice is in a loop, and gets what to close from somebody else.
    return own is not None and own.closer is not None and own.closer.stack.frames != closer.stack.frames


def _parts(life: Life) -> set[str]:
    """The user's functions that have opened it, wrapped it, or worked with it."""
    found = set(life.users)
    for call in (life.opener, *life.wrappers):
        if call is not None:
            found |= call.stack.owners
    return found


def _makers_of(life: Life, *, all_of_them: bool) -> set[str]:
    """The functions that have opened or wrapped it, with all that had called them if wanted."""
    stacks = [call.stack for call in (life.opener, *life.wrappers) if call is not None]
    if all_of_them:
        return {owner for stack in stacks for owner in stack.owners}
    return {stack.innermost for stack in stacks if stack.innermost}


def _waits_for_object(life: Life) -> bool:
    """Whether a file object around it has not closed it."""
    return bool(life.wrappers) and not (life.closer is not None and life.closer.stack.has(*_FILE_OBJECT))


def _made_like(stack: Stack, life: Life) -> bool:
    maker = maker_of(life)
    return maker is not None and maker.opens[0].startswith("os.") and stack.has(*_FILE_OBJECT)
