"""What a trial's exception tells, as data: no source is read here, because the trial may have broken descriptors."""

import errno
from types import TracebackType
from typing import Any

_MESSAGE_LIMIT = 4000
_FRAME_LIMIT = 40
_CHAIN_LIMIT = 5
_OWN_PACKAGE = __name__.partition(".")[0]

SKIP_EXCEPTIONS = frozenset({"unittest.case.SkipTest", "_pytest.outcomes.Skipped", "Skipped"})


def qualified_name(kind: type[BaseException]) -> str:
    """`module.Class`, or only `Class` for builtins."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def describe(error: BaseException) -> dict[str, Any]:
    """Type, message, errno and frames (file, line, function) of `error` and of what caused it."""
    return _describe(error, _CHAIN_LIMIT)


def is_skip(error: BaseException) -> bool:
    """Whether `error` says that the test does not want to run here."""
    return qualified_name(type(error)) in SKIP_EXCEPTIONS


def _describe(error: BaseException, links: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": qualified_name(type(error)),
        "message": message_of(error),
        "frames": frames_of(error.__traceback__),
    }
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number in errno.errorcode:
        found["errno"] = errno.errorcode[number]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and links:
        found["cause"] = _describe(cause, links - 1)
    if isinstance(error, BaseExceptionGroup) and links:
        found["inner"] = [_describe(inner, links - 1) for inner in error.exceptions[:_CHAIN_LIMIT]]
    return found


def message_of(error: BaseException) -> str:
    """`str(error)`, capped; an exception whose own text fails is still described."""
    try:
        text = str(error)
    except BaseException as broken:
        text = f"<its message could not be made: {type(broken).__name__}>"
    return text if len(text) <= _MESSAGE_LIMIT else text[:_MESSAGE_LIMIT] + f"… ({len(text)} characters)"


def frames_of(traceback: TracebackType | None) -> list[tuple[str, int, str]]:
    """Outermost frame first, without flakeproof's own; the middle is left out when there are too many."""
    frames: list[tuple[str, int, str]] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        module = traceback.tb_frame.f_globals.get("__name__", "")
        if not (isinstance(module, str) and module.partition(".")[0] == _OWN_PACKAGE):
            frames.append((code.co_filename, traceback.tb_lineno, code.co_name))
        traceback = traceback.tb_next
    if len(frames) > _FRAME_LIMIT:
        half = _FRAME_LIMIT // 2
        return frames[:half] + frames[-half:]
    return frames
