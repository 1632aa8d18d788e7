"""Record the calls of a trial that may differ from run to run: chance, clock, sets, files, ports, threads.

It runs in the one or two trials whose failure is being diagnosed; these take several times as long.
"""

import gc
import sys
import threading
import weakref
from types import FrameType
from typing import Any

from flakeproof_worker.shared.private import json, os
from flakeproof_worker.shared.user_code import is_users

_MOST = 4000
_LOOKS = 20
"""How many returns of one function have their variables inspected."""
_CLOCKS = frozenset({"time", "time_ns", "localtime", "gmtime", "strftime", "ctime", "asctime"})
_STOPWATCHES = frozenset({"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time"})
_DATES = frozenset({"now", "utcnow", "today"})
_OF_OBJECTS = {"hash": "hash", "id": "address"}
_TIMERS = frozenset({"sleep"})
_COROUTINE = 0x80 | 0x100 | 0x200
"""Flags of a code object: coroutine, iterable coroutine, asynchronous generator."""
_HEARD = {
    "open": "open",
    "socket.bind": "bind",
    "os.mkdir": "open",
    "os.rename": "open",
    "os.remove": "open",
    "sqlite3.connect": "open",
}
_LISTED = {"os.listdir": "listing", "os.scandir": "listing"}
_ASKED = {
    "getpid": "process",
    "getppid": "process",
    "setlocale": "locale",
    "localeconv": "locale",
    "collect": "garbage",
}
_ASKED_OF = frozenset({"posix", "_locale", "gc"})
_LIMITED = {
    "threading": "timeout",
    "queue": "timeout",
    "subprocess": "timeout",
    "concurrent.futures._base": "timeout",
    "asyncio.tasks": "timeout",
    "asyncio.timeouts": "delay",
}
"""Modules of functions that wait, and the name of the argument that limits how long."""
_WEAK_MODULES = frozenset({"weakref", "_weakrefset"})
_RANDOM_MODULES = {"random": "random", "uuid": "entropy", "secrets": "entropy"}


class Witness:
    """Watches this process, and every thread that it starts, while the `with` block runs."""

    def __init__(self, folder: str, trial: int) -> None:
        """The observations are written to `TRIAL.json` in `folder`."""
        self._path = f"{folder}/{trial}.json"
        self._seen: dict[tuple[str, str, int, str, int], dict[str, Any]] = {}
        self._looks: dict[Any, int] = {}
        self._order = 0
        self._on = False
        self._collecting = False
        self._threads: dict[int, int] = {}

    def __enter__(self) -> None:
        self._on = True
        gc.callbacks.append(self._collected)
        sys.addaudithook(self._heard)  # cannot be removed, but this process runs one trial only
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)

    def __exit__(self, *error: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)
        self._on = False
        gc.callbacks.remove(self._collected)
        text = json.dumps(list(self._seen.values()), ensure_ascii=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)

    def _profile(self, frame: FrameType, event: str, argument: Any) -> None:
        if not self._on:
            return
        if event == "c_call":
            self._called(frame, argument)
        elif event == "call":
            self._entered(frame)
        elif event == "return" and _is_theirs(frame):
            self._look(frame, argument)

    def _collected(self, phase: str, facts: dict[str, int]) -> None:
        self._collecting = phase == "start"

    def _called(self, frame: FrameType, function: Any) -> None:
        found = _their_frame(frame)  # asked first: pytest makes a hundred thousand calls to show a failure
        if found is not None and (kind := _kind_of(function)):
            self._note(kind, found, getattr(function, "__qualname__", "?"))

    def _entered(self, frame: FrameType) -> None:
        code = frame.f_code
        if _is_theirs(frame):
            if self._collecting or code.co_name == "__del__":
                self._note("finalised", frame, code.co_qualname, line=code.co_firstlineno)
            self._note("ran", frame, "coroutine" if code.co_flags & _COROUTINE else "", line=code.co_firstlineno)
            return
        module = frame.f_globals.get("__name__")
        if module in _WEAK_MODULES and frame.f_back is not None and _is_theirs(frame.f_back):
            self._note("finalised", frame.f_back, code.co_qualname)
            return
        limit = frame.f_locals.get(_LIMITED[module]) if module in _LIMITED else None
        if isinstance(limit, int | float) and limit > 0 and frame.f_back is not None and _is_theirs(frame.f_back):
            self._note("limit", frame.f_back, f"{code.co_qualname} {limit:g} s")
            return
        if module == "threading" and code.co_name == "start":
            self._started(frame)
            return
        if module == "os" and code.co_qualname == "_Environ.__getitem__" and (found := _their_frame(frame, deep=True)):
            self._note("environment", found, str(frame.f_locals.get("key", "")))
            return
        kind = _RANDOM_MODULES.get(module) if isinstance(module, str) else None
        if kind is not None and frame.f_back is not None and _is_theirs(frame.f_back):
            owner = frame.f_locals.get("self")
            if module == "random" and owner is not None and not _is_global(owner):
                kind = "entropy"
            self._note(kind, frame.f_back, f"{module}.{code.co_name}")

    def _started(self, frame: FrameType) -> None:
        """Note which user code starts a thread, and whether an event loop starts it on its behalf."""
        by_loop = False
        found = frame.f_back
        while found is not None and not _is_theirs(found):
            by_loop |= str(found.f_globals.get("__name__", "")).startswith("asyncio.")
            found = found.f_back
        if found is not None:
            self._note("thread", found, "asyncio" if by_loop else "threading")

    def _look(self, frame: FrameType, result: Any) -> None:
        """Note which variables of a function hold sets, and whether it returns a set."""
        looks = self._looks.get(frame.f_code, 0)
        if looks >= _LOOKS:
            return
        self._looks[frame.f_code] = looks + 1
        if _is_ordered_by_hash(result):
            self._note("gives", frame, frame.f_code.co_name, line=frame.f_code.co_firstlineno)
        for name, value in frame.f_locals.items():
            if type(value) is weakref.ref:
                self._note("finalised", frame, name, line=frame.f_code.co_firstlineno)
            if _is_ordered_by_hash(value):
                self._note("set", frame, name, line=frame.f_code.co_firstlineno)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        kind = (_HEARD.get(event) or _LISTED.get(event)) if self._on else None
        if kind is None:
            return
        frame = _their_frame(sys._getframe(1), deep=True)
        if frame is None:
            return
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
            what = path
        else:
            what = arguments[1] if event == "socket.bind" else arguments[0]
        self._note(kind, frame, os.fsdecode(what) if isinstance(what, str | bytes) else repr(what))

    def _note(self, kind: str, frame: FrameType, what: str, *, line: int | None = None) -> None:
        self._order += 1
        code = frame.f_code
        thread = self._threads.setdefault(threading.get_ident(), len(self._threads))
        where = frame.f_lineno if line is None else line
        key = kind, code.co_filename, where or 0, what, thread
        found = self._seen.get(key)
        if found is not None:
            found["order"] = self._order
        elif len(self._seen) < _MOST:
            self._seen[key] = {
                "kind": kind,
                "file": code.co_filename,
                "line": where or 0,
                "function": _function_of(frame),
                "what": what[:200],
                "thread": thread,
                "order": self._order,
            }


_THEIRS: dict[str, bool] = {}
"""Whether the code of a file is the user's."""


def _is_theirs(frame: FrameType) -> bool:
    """Whether `frame` runs code of the user."""
    file = frame.f_code.co_filename
    found = _THEIRS.get(file)
    if found is None:
        found = _THEIRS[file] = is_users(file)
    return found


def _is_ordered_by_hash(value: Any) -> bool:
    return type(value) in (set, frozenset) and len(value) > 1


def _function_of(frame: FrameType) -> str:
    """Name of the function that `frame` runs in; for a comprehension or lambda, the function around it."""
    found: FrameType | None = frame
    while found is not None and found.f_code.co_filename == frame.f_code.co_filename:
        if not found.f_code.co_name.startswith("<"):
            return found.f_code.co_name
        found = found.f_back
    return frame.f_code.co_name


def _their_frame(frame: FrameType | None, *, deep: bool = False) -> FrameType | None:
    """`frame`, or its caller if `frame` is a library's; with `deep`, the nearest caller in the user's code."""
    found, steps = frame, 0
    while found is not None and not _is_theirs(found):
        found, steps = found.f_back, steps + 1
        if steps > 1 and not deep:
            return None
    return found


def _is_global(generator: Any) -> bool:
    return generator is getattr(sys.modules.get("random"), "_inst", None)


def _kind_of(function: Any) -> str:
    """The kind of observation that a call of a builtin function is; "" if it is none."""
    name = getattr(function, "__name__", "")
    module = getattr(function, "__module__", None)
    owner = getattr(function, "__self__", None)
    if module == "time":
        if name in _TIMERS:
            return "sleep"
        return "clock" if name in _CLOCKS else "stopwatch" if name in _STOPWATCHES else ""
    if name in _DATES and isinstance(owner, type) and owner.__mro__[-2].__module__ == "datetime":
        return "clock"
    if name == "urandom":
        return "entropy"
    if name == "select" and module == "select":
        return "limit"
    if name in _ASKED and module in _ASKED_OF:
        return _ASKED[name]
    if name in _OF_OBJECTS and module == "builtins":
        return _OF_OBJECTS[name]
    if type(owner).__module__ == "random":
        return "random" if _is_global(owner) else "entropy"
    if type(owner).__module__.startswith("numpy.random"):
        return "entropy"
    return ""
