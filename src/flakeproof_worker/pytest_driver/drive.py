"""Start pytest in this process, have it collect, and hand the selection over; say exactly why when there is none."""

import functools
import gc
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flakeproof_worker.failure import message_of
from flakeproof_worker.loader import UnloadableError
from flakeproof_worker.pytest_driver.folder_on_path import put_first, remarks

if TYPE_CHECKING:
    from flakeproof_worker.pytest_driver.selection import Selection

_OLDEST = 7
_NOTHING_COLLECTED = 5  # pytest.ExitCode.NO_TESTS_COLLECTED
_DETAILS_LIMIT = 20_000
_LINE_LIMIT = 300
_NAMED = re.compile(r"E   [A-Za-z_][\w.]*(: |$)")
"""A line of a traceback that begins with the name of an exception, and not with a part of its message."""


def drive(
    target: dict[str, Any],
    run_seed: int,
    loaded: Callable[["Selection"], Any],
    begin: Callable[[Any], None],
    written: Callable[[], str],
) -> None:
    """Run pytest from start to end; in the middle of that `begin` runs the trials.

    `begin` gets what `loaded` makes of the selection. `written` returns what this process has written so far. Raises
    UnloadableError if it does not come to running.
    """
    folder = os.getcwd()  # noqa: PTH109 - as Python itself takes it
    if target["imports_folder"]:
        put_first(folder)
    gc.disable()  # nothing of pytest's modules is garbage, and looking for some costs an eighth of the import
    try:
        _check_pytest()
        from flakeproof_worker.generators import SeedWatch
        from flakeproof_worker.pytest_driver.plugin import Plugin
        from flakeproof_worker.pytest_driver.selection import Selection
    finally:
        gc.enable()

    watch = SeedWatch()

    def start(session: Any) -> None:
        # Spare pytest to find out again and again which conftest files apply: they have all been loaded.
        session.gethookproxy = functools.cache(session.gethookproxy)
        items, hooks = list(session.items), session.config.hook
        told = [*plugin.remarks, *(remarks(session, folder) if target["imports_folder"] else [])]
        selection = Selection(session, plugin, target, items, hooks, seeded=watch.stop(), remarks=told)
        begin(loaded(selection))

    plugin = Plugin(run_seed, start)
    words = [*target["options"], *target["arguments"]]
    sys.argv = ["pytest", *words]
    try:
        status = int(importlib.import_module("pytest").main(words, plugins=[plugin]))
    except UnloadableError:
        raise
    except BaseException as error:
        if plugin.began:
            raise
        raise _ended_by(error, written()) from None
    finally:
        watch.stop()
    if not plugin.began:
        raise _explanation(plugin, status, _shortened(written()))


def _check_pytest() -> None:
    if importlib.util.find_spec("pytest") is None:
        raise UnloadableError("missing", f"pytest is not installed for {sys.executable}")
    version = importlib.import_module("pytest").__version__
    if int(version.partition(".")[0]) < _OLDEST:
        raise UnloadableError(
            "old", f"{sys.executable} has pytest {version}; flakeproof drives pytest {_OLDEST} or later"
        )


def _explanation(plugin: Any, status: int, text: str) -> UnloadableError:
    """Why pytest has not come to run anything."""
    if plugin.errors:
        names = [report.nodeid or "the session" for report in plugin.errors]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        details = "\n\n".join(str(report.longrepr) for report in plugin.errors)
        reason = _reason(str(plugin.errors[0].longrepr))
        message = f"pytest could not collect {', '.join(names[:3])}{more}: {reason}"
        return UnloadableError("broken", message, _shortened(details))
    if plugin.usage_error:
        return UnloadableError("nothing", f"pytest: {plugin.usage_error}")
    if plugin.internal_error is not None:
        return _ended_by(plugin.internal_error, text)
    if status == _NOTHING_COLLECTED:
        return UnloadableError("nothing", "pytest has collected no tests", text)
    return UnloadableError("broken", f"pytest ended before it ran anything (exit status {status})", text)


def _ended_by(error: BaseException, written: str) -> UnloadableError:
    """The first line of the message, which may be long; all of it is among the details."""
    text = message_of(error)
    what = f"{type(error).__name__}: {_first_line(text)}" if text else type(error).__name__
    details = "\n".join(part for part in (text if "\n" in text else "", written) if part)
    return UnloadableError("broken", f"pytest ended before it ran anything: {what}", _shortened(details))


def _reason(text: str) -> str:
    """The line of a traceback that names the exception: the last one's, if there are several."""
    lines = text.splitlines()
    told = [number for number, line in enumerate(lines) if line.startswith("E ")]
    last: list[str] = []
    for before, number in zip([-1, *told], told, strict=False):
        # A message may have many lines; what is marked without a gap belongs to one exception.
        last = [*last, lines[number]] if number == before + 1 else [lines[number]]
    named = [line for line in last if _NAMED.match(line)]
    found = (named[:1] or last[-1:] or [line for line in lines if line.strip()][-1:] or ["no reason given"])[0]
    return _first_line(found.removeprefix("E").strip())


def _first_line(text: str) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= _LINE_LIMIT else f"{line[: _LINE_LIMIT - 1]}…"


def _shortened(text: str) -> str:
    return text if len(text) <= _DETAILS_LIMIT else f"{text[:_DETAILS_LIMIT]}\n…"
