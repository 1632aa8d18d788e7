"""Find the target in the user's code, and say exactly what is wrong when it cannot be found."""

import functools
import importlib
import importlib.util
import inspect
import traceback
from collections.abc import Callable
from typing import Any

from flakeproof_worker.failure import attribute, message_of, qualified_name


class UnloadableError(Exception):
    """The target cannot be run.

    `kind` is "unknown" (a wrong name or signature), "broken" (its import failed), "nothing" (no tests), "missing" (no
    pytest) or "old" (its version).
    """

    def __init__(self, kind: str, message: str, details: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.details = details


def load(module_name: str, attribute: str, arguments: dict[str, Any]) -> tuple[Callable[[], Any], bool]:
    """Import `module_name`, find the dotted `attribute`, bind `arguments` by name; also return whether it is async.

    Raises UnloadableError.
    """
    target: Any = _import(module_name)
    walked = module_name
    for name in attribute.split("."):
        if not hasattr(target, name):
            raise UnloadableError("unknown", f"{walked} has no {name!r}{_near(name, target)}")
        target = getattr(target, name)
        walked = f"{walked}.{name}"
    if not callable(target):
        raise UnloadableError(
            "unknown", f"{module_name}:{attribute} is no function, but of type {type(target).__name__}"
        )
    _check_signature(f"{module_name}:{attribute}", target, arguments)
    return (functools.partial(target, **arguments) if arguments else target), _is_async(target)


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Only if the requested module itself is missing is its name wrong; otherwise one of its imports is broken.
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise UnloadableError("unknown", f"there is no module {name!r} ({error})") from None
        raise UnloadableError("broken", f"importing {name} failed: {error}", _import_traceback(error)) from None
    except BaseException as error:
        kind, said = qualified_name(type(error)).rpartition(".")[2], message_of(error)
        what = f"{kind}: {said}" if said else kind
        raise UnloadableError("broken", f"importing {name} failed: {what}", _import_traceback(error)) from None


def _import_traceback(error: BaseException) -> str:
    """The traceback from the user's first frame on: frames of importlib and flakeproof explain nothing."""
    frames = [
        frame
        for frame in traceback.extract_tb(attribute(error, "__traceback__"))
        if "importlib" not in frame.filename and frame.filename != __file__
    ]
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames)]
    try:
        lines += traceback.format_exception_only(error)
    except BaseException:  # the exception's class is the user's, and may raise
        lines.append(f"{qualified_name(type(error))}: {message_of(error)}\n")
    return "".join(lines)


def _check_signature(name: str, target: Any, arguments: dict[str, Any]) -> None:
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        return  # some builtins have no signature; calling them will show whether they fit
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise UnloadableError(
            "unknown",
            f"{name}{signature} cannot be called like this: {error}; a target is called without arguments",
        ) from None


def _is_async(target: Any) -> bool:
    function = inspect.unwrap(target)
    while isinstance(function, functools.partial):
        function = function.func
    call = type(function).__call__ if callable(function) else None
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def _near(name: str, owner: Any) -> str:
    import difflib

    close = difflib.get_close_matches(name, [entry for entry in dir(owner) if not entry.startswith("__")], n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
