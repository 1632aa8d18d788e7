"""Fixtures and items of pytest: set up once for all forks, put back between passes, blamed for errors at teardown."""

import importlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any

from flakeproof_worker.failure import attribute, is_instance

_pytest: Any = importlib.import_module("pytest")
_OUTCOMES = (Exception, _pytest.skip.Exception, _pytest.fail.Exception)


def set_up(session: Any, items: Iterable[Any], first: Any, after: Any) -> None:
    """Set up what `items` need of the session; `first` and `after` are items that belong to the session alone.

    A fixture with parameters is left to the forks. One that fails does so again in each test that needs it, as pytest
    has it.
    """
    state, done = session._setupstate, set()
    state.setup(first)
    state.teardown_exact(after)  # what is left is the session
    for item in items:
        request, info = getattr(item, "_request", None), getattr(item, "_fixtureinfo", None)
        if request is None or info is None:
            continue
        for name in info.names_closure:
            definitions = info.name2fixturedefs.get(name)
            fixture = definitions[-1] if definitions else None
            if fixture is None or fixture.scope != "session" or fixture.params or id(fixture) in done:
                continue
            done.add(id(fixture))
            with suppress(*_OUTCOMES):
                request.getfixturevalue(name)
        if done and hasattr(item, "_initrequest"):
            item._initrequest()


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


def renewal_of(item: Any) -> Callable[[], None]:
    """A function that makes `item` as it was after collection."""
    markers = list(item.own_markers)
    properties = list(item.user_properties)
    # Markers added while it runs (`request.node.add_marker`) are kept here as well.
    keywords: dict[str, Any] | None = getattr(item.keywords, "_markers", None)
    kept_keywords = dict(keywords) if isinstance(keywords, dict) else None
    doctest = getattr(item, "dtest", None)
    names = dict(doctest.globs) if doctest is not None else None

    def renew() -> None:
        if len(item.own_markers) != len(markers):
            item.own_markers[:] = markers
            if keywords is not None and kept_keywords is not None:
                keywords.clear()
                keywords.update(kept_keywords)
        if len(item.user_properties) != len(properties):
            item.user_properties[:] = properties
        with suppress(AttributeError):
            item._report_sections.clear()
        if names is not None:
            item.dtest.globs = dict(names)  # a doctest forgets its names when it has run

    return renew
