"""Give each trial another time of day: `time` and `datetime` show it and advance from there at the requested speed.

Monotonic clocks do not change, nor do the clocks of other programs and of file systems. Modules that copied names from
`time` before the trial's code was imported, mostly those of the standard library, keep the true time, as does C code
that asks the operating system itself.
"""

import datetime as datetime_module
import gc
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

from flakeproof_worker.perturb.travellers import step_aside
from flakeproof_worker.perturb.watching import PerTrial
from flakeproof_worker.shared.instants import shift, speed

_Datetime, _Date, _UTC = datetime_module.datetime, datetime_module.date, datetime_module.UTC
_time, _time_ns, _localtime, _strftime = time.time, time.time_ns, time.localtime, time.strftime
_TRUE = {name: getattr(time, name) for name in ("time", "time_ns", "localtime", "gmtime", "ctime", "strftime")}
_DEPRECATED = (
    "datetime.datetime.utcnow() is deprecated and scheduled for removal in a future version. Use timezone-aware "
    "objects to represent datetimes in UTC: datetime.datetime.now(datetime.UTC)."
)


class Clock:
    """The time of day of the trials of a run."""

    def __init__(self, clock: str) -> None:
        """`clock` is as in `instants.shift`."""
        self._clock = clock
        self._faster = speed(clock) - 1.0
        self._trials: PerTrial[tuple[float, float]] = PerTrial(self._started)
        now = self._now
        self._ours: dict[str, Callable[..., Any]] = {
            "time": now,
            "time_ns": lambda: _time_ns() + int(self._ahead() * 1e9),
            "strftime": _strftime_at(now),
        }
        for name in ("localtime", "gmtime", "ctime"):
            self._ours[name] = _of_instant(name, _TRUE[name], now)
        self._constructors = _Constructors(_Datetime, _of_datetime(now)), _Constructors(_Date, _of_date(now))

    def prepare(self) -> None:
        """Replace the clocks, before any code of the user is imported."""
        self._replace()
        step_aside(self._put_back, self._replace)

    def _replace(self) -> None:
        for name, replaced in self._ours.items():
            setattr(time, name, replaced)
        for constructors in self._constructors:
            constructors.replace()

    def _put_back(self) -> None:
        for name in self._ours:
            setattr(time, name, _TRUE[name])
        for constructors in self._constructors:
            constructors.put_back()

    def begin(self, trial: int, seed: int) -> None:
        """A trial begins in this thread."""
        self._trials.begin(trial, seed)

    def end(self, trial: int) -> None:
        """The trial has ended."""
        self._trials.end(trial)

    def _started(self, trial: int, seed: int) -> tuple[float, float]:
        """When a trial begins, and how far its clock is ahead at that moment (both in seconds)."""
        now = _time()
        return now, shift(self._clock, seed, now)

    def _ahead(self) -> float:
        trial = self._trials.now()
        if trial is None:
            return 0.0
        begun, ahead = trial
        return ahead + (_time() - begun) * self._faster if self._faster else ahead

    def _now(self) -> float:
        return _time() + self._ahead()


Now = Callable[[], float]


def _of_instant(name: str, original: Callable[..., Any], now: Now) -> Callable[..., Any]:
    def replaced(seconds: float | None = None, /) -> Any:
        return original(now() if seconds is None else seconds)

    replaced.__name__ = replaced.__qualname__ = name
    return replaced


def _strftime_at(now: Now) -> Callable[..., str]:
    def strftime(form: str, moment: Any = None, /) -> str:
        return _strftime(form, _localtime(now()) if moment is None else moment)

    return strftime


Methods = dict[str, Callable[..., Any]]


def _of_datetime(now_seconds: Now) -> Methods:
    def now(cls: Any, tz: Any = None) -> Any:
        return cls.fromtimestamp(now_seconds(), tz)

    def utcnow(cls: Any) -> Any:
        if sys.version_info >= (3, 12):
            warnings.warn(_DEPRECATED, DeprecationWarning, stacklevel=2)  # as the true one does
        utc = _Datetime.fromtimestamp(now_seconds(), _UTC).replace(tzinfo=None)
        return cls.combine(utc.date(), utc.time())

    return {"now": now, "utcnow": utcnow}


def _of_date(now_seconds: Now) -> Methods:
    def today(cls: Any) -> Any:
        return cls.fromtimestamp(now_seconds())

    return {"today": today}  # `datetime` inherits it


class _Constructors:
    """Class methods of a class that may be written in C.

    They are replaced in the class itself, so that it stays what it is: for `isinstance`, for metaclasses of classes
    that derive from it, for pickle, and for those who imported it before.
    """

    def __init__(self, cls: type, methods: Methods) -> None:
        self._cls = cls
        self._true = {name: vars(cls)[name] for name in methods}
        self._ours: dict[str, Any] = {}
        for name, method in methods.items():
            method.__qualname__ = f"{cls.__qualname__}.{name}"
            method.__module__ = cls.__module__
            self._ours[name] = classmethod(method)

    def replace(self) -> None:
        """Have them be ours."""
        _set_in(self._cls, self._ours)

    def put_back(self) -> None:
        """Have them be the true ones."""
        _set_in(self._cls, self._true)


def _set_in(cls: type, members: dict[str, Any]) -> None:
    try:
        for name, member in members.items():
            setattr(cls, name, member)
    except TypeError:  # written in C: its members can be changed in its dictionary, of which `vars` shows but a view
        (own,) = (one for one in gc.get_referents(vars(cls)) if isinstance(one, dict))
        own.update(members)
        _forget_lookups(cls)


def _forget_lookups(cls: type) -> None:
    """Have the interpreter look up the members of `cls` again, as `PyType_Modified` of the C API tells it to."""
    try:
        import ctypes
    except ImportError:  # built without libffi; what was not looked up before, as here, is not remembered either
        sys._clear_type_cache()
    else:
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(cls))
