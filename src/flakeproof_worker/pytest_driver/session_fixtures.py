"""Set up the fixtures of the session in this process, before forks are made of it, which all find them there.

Each fork would set them up by itself otherwise, since a pass is all that it knows of a session.
"""

import importlib
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

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
