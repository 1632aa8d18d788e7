"""Numbers and durations as people write and read them."""

import math
import re

_UNITS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-zµ]*)")


def parse_duration(text: str) -> float:
    """Seconds in `5ms`, `90s`, `1m30s`, `2h` or `7` (seconds).

    Raises ValueError for anything else, and for what is negative or not finite.
    """
    compact = text.strip().lower()
    seconds, position = 0.0, 0
    for part in _PART.finditer(compact):
        if part.start() != position:
            break
        unit = part[2] or "s"
        if unit not in _UNITS or (not part[2] and part[0] != compact):
            break
        seconds += float(part[1]) * _UNITS[unit]
        position = part.end()
    if not compact or position != len(compact) or not math.isfinite(seconds):
        raise ValueError(f"{text!r} is not a duration; write it like 500ms, 90s, 1m30s or 2h")
    return seconds


def parse_rate(text: str) -> float:
    """A share between 0 and 1 from `2%`, `0.02` or `3/200`.

    A bare number above 1 is refused rather than guessed: 2 may be meant as 2 % or as a slip. Raises ValueError.
    """
    compact = text.strip().replace(" ", "")
    remedy = "write it as 2%, 0.02 or 3/200"
    try:
        if compact.endswith("%"):
            value = float(compact[:-1]) / 100
        elif "/" in compact:
            part, whole = compact.split("/")
            value = float(part) / float(whole)
        else:
            value = float(compact)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{text!r} is not a rate; {remedy}") from None
    if not 0 <= value <= 1:
        hint = f"; {text}% would be {text}%" if "%" not in compact and 1 < value <= 100 else ""
        raise ValueError(f"{text!r} is not a rate between 0 and 1 (0% to 100%){hint}; {remedy}")
    return value


def duration(seconds: float) -> str:
    """`0.8s`, `12.3s`, `1m23.4s`, `1h02m03s`."""
    tenths = round(seconds * 10)
    if tenths < 600:
        return f"{tenths / 10:.1f}s"
    if tenths < 36000:
        minutes, rest = divmod(tenths, 600)
        return f"{minutes}m{rest / 10:.1f}s"
    minutes, whole = divmod(round(seconds), 60)
    return f"{minutes // 60}h{minutes % 60:02d}m{whole:02d}s"


def whole_duration(seconds: float) -> str:
    """`12s`, `1m12s`, `2h05m`: for times that are only estimated."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def short_duration(seconds: float) -> str:
    """`4.2µs`, `5.21ms`, `1.30s`: for single trials."""
    for limit, factor, unit in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms")):
        if seconds < limit:
            return f"{seconds * factor:.3g}{unit}"
    return duration(seconds)


def percent(part: int, whole: int, digits: int = 2) -> str:
    """`98.23%`; never rounded to 0% or 100% unless it is exactly that: more digits, or a bound, instead."""
    if whole <= 0:
        return "0.00%"
    return share(part / whole, digits, exact_zero=part == 0, exact_one=part == whole)


def share(value: float, digits: int = 2, *, exact_zero: bool = False, exact_one: bool = False) -> str:
    """A share between 0 and 1 as a percentage, with more digits where `digits` would hide that it is not 0 or 1."""
    if exact_zero or exact_one:
        return f"{100 * value:.{digits}f}%"
    for more in range(digits, 13):
        shown = f"{100 * value:.{more}f}"
        if float(shown) not in (0.0, 100.0):
            return f"{shown}%"
    return ">99.99%" if value > 0.5 else "<0.01%" if value > 0 else f"{0:.{digits}f}%"


def bound(value: float) -> str:
    """An end of an interval: two significant digits below 1 %, two decimals above."""
    if value <= 0 or value >= 1:
        return "0%" if value <= 0 else "100%"
    if value > 0.99:
        return share(value)
    return share(value) if value >= 0.01 else f"{100 * value:.2g}%"


def number(value: float) -> str:
    """`2,000`; `~1.2e+09` never."""
    return f"{value:,.0f}"


def one_line(message: str, limit: int = 300) -> str:
    """`message` without line breaks and control characters, capped."""
    flat = " ".join("".join(c if c.isprintable() or c.isspace() else repr(c)[1:-1] for c in message).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
