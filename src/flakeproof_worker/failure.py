"""Describe a trial's exception as data: no source is read here, because the trial may have broken descriptors.

The exception's class is the user's: it may override any attribute, and so may its metaclass. This module bypasses both:
it reads through the descriptors of the builtin types, and makes every text exactly a `str`.
"""

import errno
from types import TracebackType
from typing import Any

_MESSAGE_LIMIT = 4000
_FRAME_LIMIT = 40
_RELATED_LIMIT = 12
"""How many causes and members of groups are described with one exception, however they are nested."""
_RUNNERS = frozenset({__name__.partition(".")[0], "_pytest", "pluggy"})
"""Packages whose frames show how a test was called, and nothing about the test."""

_SKIPS = frozenset({"unittest.case.SkipTest", "Skipped"})
"""The second is pytest's, whose class claims to be a builtin."""


_name_of, _module_of, _bases_of = (type.__dict__[name].__get__ for name in ("__qualname__", "__module__", "__mro__"))
_ATTRIBUTES: dict[str, Any] = {
    **{name: getattr(BaseException, name) for name in ("__cause__", "__context__", "__suppress_context__")},
    "__traceback__": BaseException.__dict__["__traceback__"],
    "errno": OSError.__dict__["errno"],
    "exceptions": BaseExceptionGroup.__dict__["exceptions"],
}


def attribute(error: BaseException, name: str) -> Any:
    """An attribute as the interpreter has set it, even if the class overrides it."""
    return _ATTRIBUTES[name].__get__(error)


def _plain(text: Any, otherwise: str = "?") -> str:
    """`text` without whatever a subclass of `str` has added to it."""
    return str.__str__(text) if issubclass(type(text), str) else otherwise


def qualified_name(kind: type[BaseException]) -> str:
    """`module.Class`, or only `Class` for builtins."""
    try:
        module = _plain(_module_of(kind))
    except AttributeError:  # deleted from the class
        module = "?"
    name = _plain(_name_of(kind))
    return name if module == "builtins" else f"{module}.{name}"


def is_skip(error: BaseException) -> bool:
    """Whether `error` skips the test."""
    return any(qualified_name(kind) in _SKIPS for kind in _bases_of(type(error)))


def is_instance(error: BaseException, kind: type[BaseException]) -> bool:
    """Like `isinstance`, but without calling code of the user's exception."""
    return issubclass(type(error), kind)


def describe(error: BaseException) -> dict[str, Any]:
    """Type, message, errno and frames (file, line, function) of `error` and of what caused it."""
    return _describe(error, set())


def _describe(error: BaseException, described: set[int]) -> dict[str, Any]:
    described.add(id(error))
    found: dict[str, Any] = {
        "type": qualified_name(type(error)),
        "message": message_of(error),
        "frames": frames_of(attribute(error, "__traceback__")),
    }
    number = attribute(error, "errno") if is_instance(error, OSError) else None
    if type(number) is int and number in errno.errorcode:
        found["errno"] = errno.errorcode[number]
    cause = attribute(error, "__cause__")
    if cause is None and not attribute(error, "__suppress_context__"):
        cause = attribute(error, "__context__")
    if cause is not None and _may_add(cause, described):
        found["cause"] = _describe(cause, described)
    if is_instance(error, BaseExceptionGroup):
        members = attribute(error, "exceptions")
        found["inner"] = [_describe(inner, described) for inner in members if _may_add(inner, described)]
    return found


def _may_add(error: BaseException, described: set[int]) -> bool:
    return id(error) not in described and len(described) <= _RELATED_LIMIT


def message_of(error: BaseException) -> str:
    """`str(error)`, capped, without lone surrogates; an exception whose own text fails is still described."""
    try:
        text = _plain(str(error))
    except BaseException as broken:
        text = f"<its message could not be made: {qualified_name(type(broken))}>"
    shown = text[:_MESSAGE_LIMIT].encode(errors="backslashreplace").decode()
    return shown if len(text) <= _MESSAGE_LIMIT else f"{shown}… ({len(text)} characters)"


def frames_of(traceback: TracebackType | None) -> list[tuple[str, int, str]]:
    """Outermost frame first, without those of flakeproof and pytest; the middle is left out when there are too many."""
    frames: list[tuple[str, int, str]] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        module = _plain(dict.get(traceback.tb_frame.f_globals, "__name__"), "")
        if module.partition(".")[0] not in _RUNNERS:
            frames.append((_plain(code.co_filename), traceback.tb_lineno or 0, _plain(code.co_name)))
        traceback = traceback.tb_next
    if len(frames) > _FRAME_LIMIT:
        half = _FRAME_LIMIT // 2
        return frames[:half] + frames[-half:]
    return frames
