"""Start pytest in this process, have it collect, and hand the selection over; say exactly why when there is none."""

import functools
import gc
import importlib
import importlib.util
import sys
from collections.abc import Callable
from typing import Any

from flakeproof_worker.failure import message_of, qualified_name
from flakeproof_worker.loader import UnloadableError

_OLDEST = 7
_NOTHING_COLLECTED = 5  # pytest.ExitCode.NO_TESTS_COLLECTED
_DETAILS_LIMIT = 20_000


def drive(target: dict[str, Any], run_seed: int, begin: Callable[[Any], None], written: Callable[[], str]) -> None:
    """Run pytest from start to end; `begin` gets the `Selection` and runs the trials in the middle of that.

    `written` returns what this process has written so far. Raises UnloadableError if it does not come to running.
    """
    gc.disable()  # nothing of pytest's modules is garbage, and looking for some costs an eighth of the import
    try:
        _check_pytest()
        from flakeproof_worker.pytest_driver.plugin import Plugin
        from flakeproof_worker.pytest_driver.seed_watch import SeedWatch
        from flakeproof_worker.pytest_driver.selection import Selection
    finally:
        gc.enable()

    watch = SeedWatch()

    def start(session: Any) -> None:
        # Spare pytest to find out again and again which conftest files apply: they have all been loaded.
        session.gethookproxy = functools.cache(session.gethookproxy)
        items, hooks = list(session.items), session.config.hook
        begin(Selection(session, plugin, target, items, hooks, seeded=watch.stop()))

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
        kind, said = qualified_name(type(error)).rpartition(".")[2], message_of(error)
        what = f"{kind}: {said}" if said else kind
        raise UnloadableError("broken", f"pytest ended before it ran anything: {what}", _shortened(written())) from None
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
        last = _last_line(str(plugin.errors[0].longrepr))
        message = f"pytest could not collect {', '.join(names[:3])}{more}: {last}"
        return UnloadableError("broken", message, _shortened(details))
    if plugin.usage_error:
        return UnloadableError("nothing", f"pytest: {plugin.usage_error}")
    if status == _NOTHING_COLLECTED:
        return UnloadableError("nothing", "pytest has collected no tests", text)
    return UnloadableError("broken", f"pytest ended before it ran anything (exit status {status})", text)


def _last_line(text: str) -> str:
    """The line of a traceback that names the exception."""
    lines = [line.removeprefix("E").strip() for line in text.splitlines() if line.startswith("E ")]
    found = lines or [line.strip() for line in text.splitlines() if line.strip()]
    return found[-1] if found else "no reason given"


def _shortened(text: str) -> str:
    return text if len(text) <= _DETAILS_LIMIT else f"{text[:_DETAILS_LIMIT]}\n…"
