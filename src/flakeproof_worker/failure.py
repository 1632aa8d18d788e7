"""What a trial's exception tells, as data: no source is read here, because the trial may have broken descriptors."""

import errno
from types import TracebackType
from typing import Any

from flakeproof_worker.sanitize.leaked import LeakedError

_MESSAGE_LIMIT = 4000
_FRAME_LIMIT = 40
_RELATED_LIMIT = 12
"""Causes and members of groups described with one exception, however they are nested."""
_RUNNERS = frozenset({__name__.partition(".")[0], "_pytest", "pluggy"})
"""Packages whose frames say how a test was called, and nothing of the test."""

_SKIPS = frozenset({"unittest.case.SkipTest", "Skipped"})
"""The second is pytest's, which says that it is a builtin."""


def qualified_name(kind: type[BaseException]) -> str:
    """`module.Class`, or only `Class` for builtins."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def is_skip(error: BaseException) -> bool:
    """Whether `error` says that the test does not want to run here."""
    return any(qualified_name(kind) in _SKIPS for kind in type(error).__mro__)


def leaked(error: LeakedError) -> dict[str, Any]:
    """What is reported of a trial that has passed and has left something behind."""
    if not error.fails:
        return {"outcome": "leaked", "reason": message_of(error)}
    first = error.sightings[0]
    frames = [tuple(place) for place in reversed(first.parts[0].stack)] if first.parts else []
    failure = {"type": "Leaked", "message": message_of(error), "frames": frames}
    return {"outcome": "failed", "failure": failure}


def describe(error: BaseException) -> dict[str, Any]:
    """Type, message, errno and frames (file, line, function) of `error` and of what caused it."""
    return _describe(error, set())


def _describe(error: BaseException, described: set[int]) -> dict[str, Any]:
    described.add(id(error))
    found: dict[str, Any] = {
        "type": qualified_name(type(error)),
        "message": message_of(error),
        "frames": frames_of(error.__traceback__),
    }
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(number, int) and number in errno.errorcode:
        found["errno"] = errno.errorcode[number]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and _may_add(cause, described):
        found["cause"] = _describe(cause, described)
    if isinstance(error, BaseExceptionGroup):
        found["inner"] = [_describe(inner, described) for inner in error.exceptions if _may_add(inner, described)]
    return found


def _may_add(error: BaseException, described: set[int]) -> bool:
    return id(error) not in described and len(described) <= _RELATED_LIMIT


def message_of(error: BaseException) -> str:
    """`str(error)`, capped, without lone surrogates; an exception whose own text fails is still described."""
    try:
        text = str(error)
    except BaseException as broken:
        text = f"<its message could not be made: {type(broken).__name__}>"
    shown = text[:_MESSAGE_LIMIT].encode(errors="backslashreplace").decode()
    return shown if len(text) <= _MESSAGE_LIMIT else f"{shown}… ({len(text)} characters)"


def frames_of(traceback: TracebackType | None) -> list[tuple[str, int, str]]:
    """Outermost frame first, without those of flakeproof and pytest; the middle is left out when there are too many."""
    frames: list[tuple[str, int, str]] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        module = traceback.tb_frame.f_globals.get("__name__", "")
        if not (isinstance(module, str) and module.partition(".")[0] in _RUNNERS):
            frames.append((code.co_filename, traceback.tb_lineno or 0, code.co_name))
        traceback = traceback.tb_next
    if len(frames) > _FRAME_LIMIT:
        half = _FRAME_LIMIT // 2
        return frames[:half] + frames[-half:]
    return frames
