"""Numbers and durations as people write and read them."""

import math
import re
from collections.abc import Callable
from pathlib import Path, PurePath

_UNITS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_PLAIN = re.compile(r"\+?(?:\d+(?:\.\d*)?|\.\d+)", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-zµ]*)")
_SIZE_NAMES = {"GiB": 1 << 30, "GB": 10**9, "MiB": 1 << 20, "MB": 10**6, "KiB": 1 << 10, "kB": 1000, "B": 1}
_SIZES = {"": 1, **{name.lower(): unit for name, unit in _SIZE_NAMES.items()}}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)", re.ASCII)
_WHOLE = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:,\d{3})+|\d+(?:_\d+)+)", re.ASCII)
_MOST_DIGITS = 60
_LEAST_SHOWN = 1e-12
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def parse_flag(value: object) -> bool:
    """Yes or no, in any of the usual ways to write it; raises ValueError."""
    text = str(value).lower()
    if text in _TRUE | _FALSE:
        return text in _TRUE
    raise ValueError(f"{value!r} is neither yes nor no")


def parse_whole(text: str, least: int, most: int) -> int:
    """A whole number from `least` to `most`, written like `2000`, `2,000` or `2_000`.

    Raises ValueError for anything else; nothing is rounded or guessed (`2k`, `1e3`).
    """
    compact = text.strip()
    if not _WHOLE.fullmatch(compact):
        raise ValueError(f"{shortened(text)!r} is not a whole number; write it like {min(most, max(least, 2000))}")
    if len(compact) > _MOST_DIGITS or not least <= (found := int(compact.replace(",", ""))) <= most:
        raise ValueError(f"{shortened(compact)} is not between {least:,} and {most:,}")
    return found


def shortened(text: str, limit: int = 50) -> str:
    """`text` as far as it fits into a message."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


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
        raise ValueError(f"{shortened(text)!r} is not a duration; write it like 500ms, 90s, 1m30s or 2h")
    return seconds


def parse_size(text: str) -> int:
    """Bytes in `64KiB`, `1MB` or `4096`: kB, MB, GB are powers of 1000, KiB, MiB, GiB of 1024.

    Raises ValueError for anything else.
    """
    found = _SIZE.fullmatch(text.strip().lower())
    if found is None or found[2] not in _SIZES:
        raise ValueError(f"{shortened(text)!r} is no size; write it like 64KiB, 1MB or 2GiB")
    return round(float(found[1]) * _SIZES[found[2]])


def size(count: int) -> str:
    """`4KiB`, `1MB`, `999B`: so many bytes in the largest unit of which they are whole ones."""
    whole = [name for name, unit in _SIZE_NAMES.items() if count % unit == 0]
    return f"{count // _SIZE_NAMES[whole[0]]}{whole[0]}"


def parse_rate(text: str) -> float:
    """A share between 0 and 1 from `2%`, `0.02` or `3/200`.

    A bare number above 1 is refused rather than guessed: 2 may be meant as 2 % or as a slip. Raises ValueError.
    """
    compact = text.strip().replace(" ", "")
    shown = shortened(text)
    try:
        if compact.endswith("%"):
            # Not divided by 100: 99.99% is 0.9999, the nearest number there is, and not its neighbour.
            value = float(compact[:-1] + "e-2") if _PLAIN.fullmatch(compact[:-1]) else float(compact[:-1]) / 100
        elif "/" in compact:
            part, whole = (float(side) for side in compact.split("/"))
            value = part / whole if whole > 0 else math.nan
        else:
            value = float(compact)
    except (ValueError, OverflowError):
        raise ValueError(f"{shown!r} is not a rate; write it like 2%, 0.02 or 3/200") from None
    if not 0 <= value <= 1:
        if _PLAIN.fullmatch(compact) and 1 < value <= 100:
            raise ValueError(f"{shown!r} is more than 1, the whole; if {shown} percent is meant, write {shown}%")
        raise ValueError(f"{shown!r} is not a rate between 0% and 100%; write it like 2%, 0.02 or 3/200")
    return value


def parse_share(value: object) -> float:
    """A rate, as text or as a number, that is neither none nor all. Raises ValueError."""
    found = parse_rate(str(value))
    if not 0 < found < 1:
        raise ValueError(f"{value!r} is not between 0 and 1 (exclusive)")
    return found


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
    """`4.2µs`, `5.21ms`, `1.3s`: for single trials."""
    if seconds == 0:
        return "0ms"
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


def rate(value: float) -> str:
    """A share that somebody has chosen, as short as it was written: `2%`, `1.5%`, `0.0001%`."""
    for digits in range(4, 17):
        shown = f"{100 * value:.{digits}g}"
        if float(shown) < 100 or value >= 1:
            return f"{100 * value:.15f}".rstrip("0") + "%" if "e-" in shown else f"{shown}%"
    return ">99.99%"


def lower(value: float) -> str:
    """The lower end of an interval of shares, rounded down: what is said must hold."""
    return _outward(value, math.floor)


def upper(value: float) -> str:
    """The upper end of an interval of shares, rounded up: what is said must hold."""
    return _outward(value, math.ceil)


def _outward(value: float, rounded: Callable[[float], int]) -> str:
    """Two decimals from 1 % on, two significant digits below; neither 0% nor 100% unless it is exactly that."""
    if value <= 0 or value >= 1:
        return "0%" if value <= 0 else "100%"
    if value < _LEAST_SHOWN:
        return "<0.0000000001%" if rounded is math.ceil else "0%"
    least = 2 if value >= 0.01 else 1 - math.floor(math.log10(100 * value))
    for digits in range(least, least + 12):
        scaled = 100 * value * 10.0**digits
        nearest = round(scaled)
        # A value that is a round number but for its representation stays that number.
        whole = nearest if abs(scaled - nearest) <= 1e-9 * scaled else rounded(scaled)
        shown = f"{whole / 10.0**digits:.{digits}f}"
        if 0 < float(shown) < 100:
            return f"{shown}%"
    return "<100%" if rounded is math.ceil else ">99.99%"


def number(value: float) -> str:
    """`2,000`."""
    return f"{value:,.0f}"


def speed(value: float) -> str:
    """`125`, `3.2`, `0.04`: what is slow is not rounded to nothing."""
    if value >= 10 or value == 0:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.1g}" if value >= 0.001 else "<0.001"


def expected(value: float) -> str:
    """A number of failures to expect: `5,000`, `9.1`, `0.3`."""
    if value >= 10 or value == 0:
        return number(value)
    return f"{value:.1f}".removesuffix(".0") if value >= 0.1 else f"{value:.1g}" if value >= 1e-4 else "<0.0001"


def odds(evidence: float) -> str:
    """`20 to 1`, `1 to 3.2`; a great one as a power of ten."""
    if evidence < 1:
        return f"1 to {1 / evidence:.2g}" if evidence > 1e-4 else "none"
    # The evidence wanted comes out of a logarithm: it may be less than a power of ten by its last digit.
    power = math.floor(math.log10(evidence * (1 + 1e-9)))
    return f"{evidence:,.3g} to 1" if power < 4 else f"10^{power} to 1"


def probability(value: float) -> str:
    """`p = 0.0012`, `p < 10^-6`."""
    if value >= 1e-6:
        return f"p = {value:.{max(2, 1 - math.floor(math.log10(value)))}f}"
    return f"p < 10^{math.floor(math.log10(value)) + 1 if value > 1e-300 else -300}"


FIXED = "hash seed, imports, addresses"
"""What a process fixes once, and its forks share, in short."""


def plural(count: int, what: str, several: str = "") -> str:
    """`1 test`, `2 tests`; `several` is the plural where it is not just an s more."""
    return f"{number(count)} {what if count == 1 else several or what + 's'}"


def one_line(message: str, limit: int = 300) -> str:
    """`message` without line breaks and control characters, capped."""
    flat = " ".join("".join(c if c.isprintable() or c.isspace() else repr(c)[1:-1] for c in message).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def shown_path(path: str) -> str:
    """`path` as one would type it here."""
    try:
        return str(PurePath(path).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return path
