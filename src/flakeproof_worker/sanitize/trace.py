"""Where the running code was called from: cheap to take, and made readable only when somebody wants to read it."""

import sys
from types import CodeType, FrameType

from flakeproof_worker.sanitize.sighting import Place, Stack
from flakeproof_worker.shared.own_code import is_library
from flakeproof_worker.shared.private import os

LIMIT = 12
"""Frames that are kept of a stack."""

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STANDARD = os.path.dirname(os.path.abspath(os.__file__)) + os.sep


def here(skip: int = 1, limit: int = LIMIT) -> Stack:
    """The stack of the caller, innermost first; `skip` is 1 for the caller's own frame, 2 for that of its caller."""
    try:
        frame: FrameType | None = sys._getframe(skip)
    except ValueError:
        return ()
    return of_frame(frame, limit)


def of_frame(frame: FrameType | None, limit: int = LIMIT) -> Stack:
    """The stack that `frame` is the innermost of; None has an empty one."""
    taken: list[tuple[CodeType, int]] = []
    while frame is not None and len(taken) < limit:
        taken.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return tuple(taken)


def places(stack: Stack) -> tuple[Place, ...]:
    """The lines of code in `stack`, innermost first, without those of flakeproof itself."""
    return tuple(
        Place(code.co_filename, _line(code, offset), code.co_qualname)
        for code, offset in stack
        if not code.co_filename.startswith(_OURS)
    )


def _line(code: CodeType, offset: int) -> int:
    """The line of the instruction at `offset`; finding it takes microseconds, too long to do for each frame."""
    for start, end, line in code.co_lines():
        if start <= offset < end and line is not None:
            return line
    return code.co_firstlineno


def user_place(stack: tuple[Place, ...]) -> Place | None:
    """The innermost line that is the user's own: not of the standard library, of what is installed, or of ours."""
    return next((place for place in stack if is_users(place.file)), None)


def is_users(file: str) -> bool:
    """Whether the code in `file` is the user's own."""
    return not (file.startswith((_OURS, _STANDARD)) or is_library(file))
