"""Whose fault an error at teardown is: pytest charges what belongs to a class or a module to the last of its tests."""

from types import TracebackType
from typing import Any

from flakeproof_worker.failure import attribute, is_instance

_SCOPES = {"class": "Class", "module": "Module", "package": "Package"}


def owner_of(item: Any, error: BaseException) -> str:
    """Id of the class, module, package or session whose fixture failed at its teardown; "" for one of the test."""
    fixture = _fixture_in(attribute(error, "__traceback__"))
    if fixture is None and is_instance(error, BaseExceptionGroup):
        tracebacks = (attribute(one, "__traceback__") for one in attribute(error, "exceptions"))
        fixture = next((found for traceback in tracebacks if (found := _fixture_in(traceback))), None)
    scope = getattr(fixture, "scope", "function")
    if scope == "function":
        return ""
    if scope == "session":
        return "the session"
    kind = _SCOPES.get(scope, "")
    for node in reversed(item.listchain()):
        if type(node).__name__ == kind or (kind == "Class" and type(node).__name__ == "UnitTestCase"):
            return str(node.nodeid or node.name)
    return str(item.parent.nodeid)


def _fixture_in(traceback: TracebackType | None) -> Any:
    """The innermost fixture that was being finished."""
    found = None
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_code.co_name == "finish":
            candidate = frame.f_locals.get("self")
            if hasattr(candidate, "argname") and hasattr(candidate, "scope"):
                found = candidate
        traceback = traceback.tb_next
    return found
