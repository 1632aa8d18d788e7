"""How a trial ended, from what it raised or returned."""

from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any

from flakeproof_worker.failure import describe, is_skip, leaked, message_of
from flakeproof_worker.sanitize.leaked import LeakedError


def ending_of(error: BaseException) -> dict[str, Any]:
    """What is reported of a trial that raised `error`."""
    if is_skip(error):
        return {"outcome": "skipped", "reason": message_of(error)}
    if isinstance(error, LeakedError):
        return leaked(error)
    return {"outcome": "failed", "failure": describe(error)}


class NotRunError(TypeError):
    """Calling the target gave something that has yet to be run: the trial proves nothing."""


_NOT_RUN = {
    CoroutineType: "a coroutine that nobody awaits",
    GeneratorType: "a generator that nobody iterates over",
    AsyncGeneratorType: "an asynchronous generator that nobody iterates over",
}


def check_result(result: Any) -> None:
    """Raise NotRunError if `result` of a plain function shows that nothing of it has run."""
    what = _NOT_RUN.get(type(result))
    if what is not None:
        if isinstance(result, CoroutineType):
            result.close()
        raise NotRunError(f"the target is called as a plain function, but it returned {what}")
