"""What belongs to the process rather than to a module: environment, folder, signals, logging, locale, descriptors …"""

import functools
import gc
import locale
import logging
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

from flakeproof_worker.pytest_driver.state_walk import Leaf, shown
from flakeproof_worker.shared.private import os

_OF_RUNNERS = ("PYTEST_", "FLAKEPROOF_", "TMPDIR")
_SECRET = ("SECRET", "TOKEN", "PASSWORD", "PASSWD", "KEY", "CREDENTIAL")
_OF_LOGGING = ("LogCaptureHandler", "_LiveLoggingNullHandler", "_FileHandler", "LogCaptureFixture")


def of_process(modules: dict[str, ModuleType]) -> dict[str, Leaf]:
    """All of it, by name; `modules` are those that were there at the start."""
    found: dict[str, Leaf] = {}

    def add(kind: str, name: str, value: Any, text: str, put: Any, remove: Any = None, mark: object = None) -> None:
        found[name] = Leaf(kind, "", value, value if mark is None else mark, text, put, remove)

    for part in (_environment, _folder, _signals, _logging, _python, _random, _descriptors, _threads):
        with suppress(Exception):  # what cannot be looked at is not told
            part(add)
    for name, module in list(sys.modules.items()):
        if name not in modules and name.partition(".")[0] not in ("flakeproof_worker", "_pytest"):
            remove = functools.partial(sys.modules.pop, name, None)
            add("module", f"sys.modules[{name!r}]", module, "imported", None, remove, mark=1)
    for name, module in modules.items():
        if sys.modules.get(name) is module:
            put = functools.partial(sys.modules.__setitem__, name, module)
            add("module", f"sys.modules[{name!r}]", module, "there", put, None, mark=id(module))
    return found


Add = Callable[..., None]


def _environment(add: Add) -> None:
    for name, value in os.environ.items():
        if not name.startswith(_OF_RUNNERS):
            text = "(a value that is not shown)" if any(word in name.upper() for word in _SECRET) else shown(value)
            put = functools.partial(os.environ.__setitem__, name, value)
            add("environment", f"os.environ[{name!r}]", value, text, put, functools.partial(os.environ.pop, name, None))
    zone = time.tzname, time.timezone
    add("time zone", "the time zone of the process", zone, shown(zone), time.tzset)


def _folder(add: Add) -> None:
    try:
        folder = os.getcwd()
    except OSError:
        add("folder", "the working directory", "", "one that does not exist any more", None)
    else:
        add("folder", "the working directory", folder, folder, functools.partial(os.chdir, folder))
    mask = os.umask(0)
    os.umask(mask)
    add("umask", "the umask", mask, f"0o{mask:03o}", functools.partial(os.umask, mask))
    now = locale.setlocale(locale.LC_ALL)
    add("locale", "the locale", now, now, functools.partial(locale.setlocale, locale.LC_ALL, now))


def _signals(add: Add) -> None:
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        if handler is not None:
            name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
            text = handler.name if isinstance(handler, signal.Handlers) else shown(handler)
            put = functools.partial(signal.signal, number, handler)
            add("signal", f"the handler of {name}", handler, text, put)
    alarm = signal.getitimer(signal.ITIMER_REAL)[0] > 0
    stop = functools.partial(signal.setitimer, signal.ITIMER_REAL, 0)
    add("signal", "the alarm clock (setitimer)", alarm, "set" if alarm else "not set", None if alarm else stop)


def _logging(add: Add) -> None:
    off = logging.root.manager.disable
    add("logging", "logging.disable", off, logging.getLevelName(off), functools.partial(logging.disable, off))
    known = logging.root.manager.loggerDict.items()
    loggers = [("root", logging.root), *((name, one) for name, one in known if isinstance(one, logging.Logger))]
    for name, logger in loggers:
        label = f"logging: {name}"
        for what, text in (("level", logging.getLevelName(logger.level)), ("disabled", ""), ("propagate", "")):
            value = getattr(logger, what)
            method = logger.setLevel if what == "level" else functools.partial(setattr, logger, what)
            add("logging", f"{label}.{what}", value, text or str(value), functools.partial(method, value))
        handlers = [one for one in logger.handlers if type(one).__name__ not in _OF_LOGGING]
        kept = list(logger.handlers)
        text = ", ".join(type(one).__name__ for one in handlers) or "none"
        put = functools.partial(logger.handlers.__setitem__, slice(None), kept)
        add("logging", f"{label}.handlers", kept, text, put, mark=[id(one) for one in handlers])


def _python(add: Add) -> None:
    paths = list(sys.path)
    put = functools.partial(sys.path.__setitem__, slice(None), paths)
    add("import", "sys.path", paths, shown(paths), put)
    filters: list[Any] = list(warnings.filters)
    put = functools.partial(_set_filters, filters)
    add("warnings", "warnings.filters", filters, f"{len(filters)} filters", put, mark=[str(one) for one in filters])
    limit = sys.getrecursionlimit()
    add("interpreter", "the recursion limit", limit, str(limit), functools.partial(sys.setrecursionlimit, limit))
    collects = gc.isenabled()
    add(
        "interpreter",
        "the garbage collector",
        collects,
        "on" if collects else "off",
        gc.enable if collects else gc.disable,
    )
    for name in ("gettrace", "getprofile"):
        tracer = getattr(sys, name)()
        setter = functools.partial(getattr(sys, name.replace("get", "set")), tracer)
        add("interpreter", f"sys.{name}()", tracer, shown(tracer), setter, mark=id(tracer))
    if (socket := sys.modules.get("socket")) is not None:
        timeout = socket.getdefaulttimeout()
        put = functools.partial(socket.setdefaulttimeout, timeout)
        add("interpreter", "socket.getdefaulttimeout()", timeout, f"{timeout}", put, mark=("timeout", timeout))
    if (decimal := sys.modules.get("decimal")) is not None:
        context = decimal.getcontext().copy()
        put = functools.partial(decimal.setcontext, context)
        add("interpreter", "decimal.getcontext()", context, f"{context}"[:80], put, mark=str(context))


def _set_filters(filters: list[Any]) -> None:
    warnings.filters[:] = filters  # type: ignore[index]  # it is a list
    warnings._filters_mutated()  # type: ignore[attr-defined]


def _random(add: Add) -> None:
    if (module := sys.modules.get("random")) is not None:
        state = module.getstate()
        put = functools.partial(module.setstate, state)
        add("random", "the state of random", state, f"state {hash(state) & 0xFFFF:04x}", put)


def _descriptors(add: Add) -> None:
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            target = os.readlink(f"/proc/self/fd/{name}")
            if not target.startswith("/proc/"):
                remove = functools.partial(os.close, int(name))
                add("descriptor", f"descriptor {name}", target, target, None, remove)


def _threads(add: Add) -> None:
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            add("thread", f"thread {thread.name!r}", thread, "running", None, mark=id(thread))
