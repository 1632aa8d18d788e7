"""Give each trial another time of day: `time` and `datetime` show it and advance from there at the requested speed.

Monotonic clocks do not change, nor do the clocks of other programs and of file systems. Modules that copied names from
`time` or `datetime` before the trial's code was imported, mostly those of the standard library, keep the true time, as
does C code that asks the operating system itself.
"""

import copyreg
import datetime as datetime_module
import time
from collections.abc import Callable
from typing import Any

from flakeproof_worker.perturb.watching import PerTrial
from flakeproof_worker.shared.instants import shift, speed

_time, _time_ns = time.time, time.time_ns
_localtime, _gmtime, _ctime, _strftime = time.localtime, time.gmtime, time.ctime, time.strftime
_Datetime, _Date, _UTC = datetime_module.datetime, datetime_module.date, datetime_module.UTC


class Clock:
    """The time of day of the trials of a run."""

    def __init__(self, clock: str) -> None:
        """`clock` is as in `instants.shift`."""
        self._clock = clock
        self._faster = speed(clock) - 1.0
        self._trials: PerTrial[tuple[float, float]] = PerTrial(self._started)

    def prepare(self) -> None:
        """Replace the clocks, before any code of the user is imported."""
        now = self._now
        time.time = now
        time.time_ns = lambda: _time_ns() + int(self._ahead() * 1e9)
        for name, original in (("localtime", _localtime), ("gmtime", _gmtime), ("ctime", _ctime)):
            setattr(time, name, _of_instant(name, original, now))
        time.strftime = _strftime_at(now)
        shifted, dates = _shifted_datetime(now), _shifted_date(now)
        datetime_module.datetime = shifted  # type: ignore[misc]
        datetime_module.date = dates  # type: ignore[misc]
        # A pickle names the class of its object, and unpickling must find that class under that name.
        for original_class, replaced in ((_Datetime, shifted), (_Date, dates)):
            copyreg.pickle(original_class, _reducing(replaced))

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


class _Like(type):
    """Metaclass of a class that stands in for another: instances of the original count as its instances."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.__mro__[1]) if _stands_in(cls) else type.__instancecheck__(cls, instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, cls.__mro__[1]) if _stands_in(cls) else type.__subclasscheck__(cls, subclass)


def _stands_in(cls: type) -> bool:
    return "_flakeproof_stands_in" in cls.__dict__


def _shifted_datetime(now_seconds: Now) -> Any:
    class datetime(datetime_module.datetime, metaclass=_Like):  # noqa: N801 - the name of the original
        _flakeproof_stands_in = True

        def __new__(cls, *arguments: Any, **named: Any) -> Any:
            return _Datetime.__new__(_Datetime if _stands_in(cls) else cls, *arguments, **named)

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls.fromtimestamp(now_seconds(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            utc = _Datetime.fromtimestamp(now_seconds(), _UTC).replace(tzinfo=None)
            return cls.combine(utc.date(), utc.time())

        @classmethod
        def today(cls) -> Any:
            return cls.fromtimestamp(now_seconds())

    return _named(datetime, _Datetime)


def _shifted_date(now_seconds: Now) -> Any:
    class date(datetime_module.date, metaclass=_Like):  # noqa: N801 - the name of the original
        _flakeproof_stands_in = True

        def __new__(cls, *arguments: Any, **named: Any) -> Any:
            return _Date.__new__(_Date if _stands_in(cls) else cls, *arguments, **named)

        @classmethod
        def today(cls) -> Any:
            return cls.fromtimestamp(now_seconds())

    return _named(date, _Date)


def _named(cls: type, original: type) -> type:
    cls.__module__, cls.__qualname__, cls.__doc__ = original.__module__, original.__qualname__, original.__doc__
    return cls


def _reducing(replaced: Any) -> Callable[[Any], Any]:
    def reduce(instance: Any) -> Any:
        _, *rest = instance.__reduce_ex__(4)
        return (replaced, *rest)

    return reduce
