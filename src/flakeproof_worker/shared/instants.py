"""Instants at which code tends to fail, such as midnight, and how far a trial's clock is ahead."""

import math
import time
from datetime import UTC, datetime, timedelta

from flakeproof_worker.shared import draws

# Bound early: `perturb.clock` replaces the clock of the process, and calls this module.
_localtime = time.localtime

BOUNDARIES = "boundaries"
SPEED = "x"
"""Prefix of a clock that runs faster or slower, as in `x4`."""
_KINDS = ("second", "minute", "hour", "midnight", "month", "year", "leap day", "leap day's end", "daylight saving")
_SHORTEST, _LONGEST = 0.0005, 1.0
"""Least and most seconds between the start of a trial and the boundary; log-uniform, for short and long tests."""
_DAY = 86400.0


def parsed(text: str) -> datetime:
    """Parse an instant in ISO 8601, in local time if it has no offset. Raises ValueError."""
    found = datetime.fromisoformat(text)
    found.timestamp()  # raises if the instant is out of range
    return found


def shift(clock: str, seed: int, now: float) -> float:
    """Seconds by which the clock of the trial with this seed is ahead when the trial begins, at the true time `now`.

    `clock` is BOUNDARIES, seconds with a sign, an instant, or a speed.
    """
    if clock.startswith(SPEED):
        return 0.0
    if clock == BOUNDARIES:
        draw = draws.generator(seed, "clock")
        boundary = _boundary(draw.choice(_KINDS), now)
        early = math.exp(draw.uniform(math.log(_SHORTEST), math.log(_LONGEST)))
        return boundary - early - now
    if clock[0] in "+-":
        return float(clock)
    return parsed(clock).timestamp() - now


def speed(clock: str) -> float:
    """Seconds that pass on the clock in one true second."""
    return float(clock.removeprefix(SPEED)) if clock.startswith(SPEED) else 1.0


def _boundary(kind: str, now: float) -> float:
    """The next boundary of this kind, in local time."""
    local = datetime.fromtimestamp(now)
    start = local.replace(minute=0, second=0, microsecond=0)
    match kind:
        case "second":
            return math.floor(now) + 1.0
        case "minute":
            return (math.floor(now / 60) + 1) * 60.0
        case "hour":
            return (start + timedelta(hours=1)).timestamp()
        case "midnight":
            return _midnight(local + timedelta(days=1))
        case "month":
            return _midnight((local.replace(day=1) + timedelta(days=32)).replace(day=1))
        case "year":
            return _midnight(local.replace(year=local.year + 1, month=1, day=1))
        case "leap day":
            return _midnight(local.replace(year=_leap_year(local.year), month=2, day=29))
        case "leap day's end":
            return _midnight(local.replace(year=_leap_year(local.year), month=3, day=1))
    return _daylight_saving(now) or _midnight(local + timedelta(days=1))


def _midnight(day: datetime) -> float:
    return day.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).timestamp()


def _leap_year(after: int) -> int:
    year = after + 1
    while year % 4 or (not year % 100 and year % 400):
        year += 1
    return year


def _daylight_saving(now: float) -> float | None:
    """The next change between summer and winter time; None if there is none within a year."""
    offset = _localtime(now).tm_gmtoff
    day = next((day for day in range(1, 370) if _localtime(now + day * _DAY).tm_gmtoff != offset), None)
    if day is None:
        return None
    low, high = math.floor(now + (day - 1) * _DAY), math.floor(now + day * _DAY)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _localtime(middle).tm_gmtoff == offset else (low, middle)
    return float(high)


def shown(instant: float) -> str:
    """The instant as text for people, in UTC."""
    return datetime.fromtimestamp(instant, UTC).isoformat()
