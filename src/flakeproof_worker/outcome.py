"""How a trial ended, from what it raised or returned."""

from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any

from flakeproof_worker.failure import describe, is_instance, is_skip, message_of
from flakeproof_worker.sanitize.sighting import LeakedError


def leaked(error: LeakedError) -> dict[str, Any]:
    """Fields of the report on a trial that has passed and has left something behind."""
    if not error.fails:
        return {"outcome": "leaked", "reason": message_of(error)}
    first = error.sightings[0]
    frames = [tuple(place) for place in reversed(first.parts[0].stack)] if first.parts else []
    failure = {"type": "Leaked", "message": message_of(error), "frames": frames}
    return {"outcome": "failed", "failure": failure}


def ending_of(error: BaseException) -> dict[str, Any]:
    """Fields of the report on a trial that raised `error`."""
    if is_skip(error):
        return {"outcome": "skipped", "reason": message_of(error)}
    if is_instance(error, LeakedError):
        assert isinstance(error, LeakedError)
        return leaked(error)
    return {"outcome": "failed", "failure": describe(error)}


class NotRunError(TypeError):
    """Calling the target returned an object that has not run yet: the trial proves nothing."""


_NOT_RUN: tuple[tuple[type, str], ...] = (
    (CoroutineType, "a coroutine that nobody awaits"),
    (GeneratorType, "a generator that nobody iterates over"),
    (AsyncGeneratorType, "an asynchronous generator that nobody iterates over"),
)


def check_result(result: Any) -> None:
    """Raise NotRunError if `result` of a plain function shows that its body has not run."""
    kind = type(result)
    for one, what in _NOT_RUN:  # no dictionary: the class of the result may refuse to be hashed
        if kind is one:
            if kind is CoroutineType:
                result.close()
            raise NotRunError(f"the target is called as a plain function, but it returned {what}")
