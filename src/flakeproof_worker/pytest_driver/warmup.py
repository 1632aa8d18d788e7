"""Run pytest's own machinery a few times before processes are forked off, without any code of the user.

A fork has to copy each page of memory that it writes to, and the interpreter writes to the code of a function while it
gets used to it. What has been used before is not written to again.
"""

import importlib
import os
import random
from contextlib import suppress
from typing import Any

from flakeproof_worker.pytest_driver.selection import Selection
from flakeproof_worker.shared.output import Output
from flakeproof_worker.system import folders

_pytest: Any = importlib.import_module("pytest")
_PASSES = 20


def warm_up(selection: Selection) -> None:
    """Make what runs the items of `selection` fast, before processes are forked off; the items themselves do not run.

    A test that does nothing passes through pytest and through our plugin; nobody else's plugin ever sees it.
    """
    session, plugin, target = selection.session, selection.plugin, selection.target
    manager = session.config.pluginmanager
    others = [one for one in manager.get_plugins() if one is not plugin and not _is_pytests(one)]

    class Hooks:
        """The hooks of pytest as far as itself and we implement them."""

        def __getattr__(self, name: str) -> Any:
            caller = manager.subset_hook_caller(name, remove_plugins=others)
            setattr(self, name, caller)
            return caller

    hooks = Hooks()

    class Blank(_pytest.Function):  # type: ignore[misc]  # the base is the user's pytest's
        """A test function without anything in it."""

        @property
        def ihook(self) -> Any:
            return hooks

    before, state = os.environ.get(folders.VARIABLE), random.getstate()
    nowhere = os.open(os.devnull, os.O_RDWR)
    with suppress(Exception):  # then it is cold, and slower
        no_fixtures = importlib.import_module("_pytest.fixtures").FuncFixtureInfo((), (), [], {})
        item = Blank.from_parent(session, name="blank", callobj=_nothing, fixtureinfo=no_fixtures)
        blank = Selection(session, plugin, {**target, "private_home": False}, [item], hooks, seeded=["numpy.random"])
        for trial in range(_PASSES):
            blank.run(trial, trial, "/", Output(nowhere), lambda index: None, lambda: None)
    os.close(nowhere)
    random.setstate(state)
    folders.apply({folders.VARIABLE: before})


def _nothing() -> None:
    """The test."""


def _is_pytests(plugin: Any) -> bool:
    name = plugin.__name__ if isinstance(plugin, type(importlib)) else type(plugin).__module__
    return str(name).partition(".")[0] == "_pytest"
