"""Kinds of values that settings have: how each is read, how it is shown, and what a Python program passes for it.

Every command imports this module, also for its help: what a parser needs beyond the standard library is imported when
it is called.
"""

import difflib
import math
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flakeproof.text import (
    number,
    parse_duration,
    parse_flag,
    parse_rate,
    parse_share,
    parse_whole,
    rate,
    short_duration,
    shortened,
    shown_path,
)

_URL = re.compile(r"[a-z][a-z0-9+]*://")
_PASSWORD = re.compile(r"(://[^/@:]*):[^/]*@")
_PASSWORD_IN_QUERY = re.compile(r"([?&]password=)[^&]*")
_LONGEST = 366 * 86400.0
_SHORTEST_TIMEOUT = 0.05
"""Seconds between two looks at what runs (`engine.dispatcher`): a shorter limit could not be kept."""


def _shown(value: Any) -> str:
    """A value of any kind, as `flakeproof config` prints it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return rate(value)
    if isinstance(value, int):
        return number(value)
    if isinstance(value, list):
        return ",".join(map(str, value)) or "none"
    return shown_path(value) if Path(value).is_absolute() else str(value)


@dataclass(frozen=True)
class ValueKind:
    """A kind of value."""

    parse: Callable[[Any], Any]
    """From what is written, or passed by a program, to the value; raises ValueError."""
    python: str
    """The type of the keyword argument of `flakeproof.run`."""
    show: Callable[[Any], str] = _shown
    is_flag: bool = False
    """Whether the option has no argument."""
    can_be_denied: bool = False
    """Whether "no" is another thing than nothing for such an option."""
    is_repeated: bool = False
    """Whether the option may be given several times."""
    parts: int = 1
    """How many words the argument of the option has."""


def whole(least: int, most: int) -> ValueKind:
    """A whole number."""
    return ValueKind(lambda value: parse_whole(str(value), least, most), "int")


def time(*, none_allowed: bool = False) -> ValueKind:
    """A time in seconds; None for `none`, where that is allowed."""

    def parse(value: Any) -> float | None:
        if none_allowed and str(value).lower() == "none":
            return None
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        seconds = float(value) if is_number and math.isfinite(value) else parse_duration(str(value))
        if seconds <= 0:
            raise ValueError(f"{value!r} is no time at all" + ("; `none` is no limit" if none_allowed else ""))
        if seconds > _LONGEST:
            raise ValueError(f"{value!r} is more than a year")
        return seconds

    return ValueKind(parse, "float | str", show_time)


def timeout() -> ValueKind:
    """A limit for a trial; None for `none`."""
    read = time(none_allowed=True)

    def parse(value: Any) -> float | None:
        seconds: float | None = read.parse(value)
        if seconds is not None and seconds < _SHORTEST_TIMEOUT:
            raise ValueError(
                f"{value!r} is too short: running tests are looked at every {1000 * _SHORTEST_TIMEOUT:g}ms; "
                f"ask for at least that, or assert in the test how long it takes"
            )
        return seconds

    return replace(read, parse=parse)


def show_time(value: Any) -> str:
    """A time as `flakeproof config` prints it."""
    if isinstance(value, str):
        return value
    return f"{value:g}s" if value >= 1 else short_duration(value)


def one_of(values: Callable[[], Sequence[str]]) -> ValueKind:
    """One of some words, which are only asked for when they are needed."""

    def parse(value: Any) -> str:
        known = values()
        if str(value) not in known:
            close = difflib.get_close_matches(str(value), known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ValueError(f"{shortened(str(value))!r} is not one of {', '.join(known)}{hint}")
        return str(value)

    return ValueKind(parse, "str")


def perturbation(name: str, python: str, *, is_flag: bool = False, is_repeated: bool = False) -> ValueKind:
    """What the perturbation `name` reads."""

    def parse(value: Any) -> Any:
        from flakeproof.perturbations.registry import KINDS

        return KINDS[name].parse(value)

    return ValueKind(parse, python, is_flag=is_flag, is_repeated=is_repeated)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is not a name" if value else "it is empty")
    return value


def _regular_expression(value: Any) -> str:
    try:
        re.compile(_text(value).encode())  # output is bytes
    except re.error as error:
        raise ValueError(f"{value!r} is not a regular expression: {error}") from None
    return str(value)


def _sanitizers(value: Any) -> list[str]:
    """`all`, or names separated by commas; a list in pyproject.toml."""
    from flakeproof.model import SANITIZERS

    found: set[str] = set()
    for name in _listed(value):
        if name not in ("all", "none", *SANITIZERS):
            close = difflib.get_close_matches(name, ("all", *SANITIZERS), n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ValueError(f"{shortened(name)!r} is not one of all, {', '.join(SANITIZERS)}{hint}")
        found |= set(SANITIZERS) if name == "all" else {name}
    if "none" in found and len(found) > 1:
        raise ValueError(f"{value!r}: `none` goes with no other")
    return sorted(found - {"none"})


def _patterns(value: Any) -> list[str]:
    from flakeproof_worker.sanitize.allowlist import Allowed

    found = _listed(value)
    try:
        Allowed(found)
    except ValueError as error:
        raise ValueError(f"{value!r}: {error}") from None
    return found


def _listed(value: Any) -> list[str]:
    parts = value if isinstance(value, list) else str(value).split(",")
    found = [str(part).strip() for part in parts]
    if not all(found) or not found:
        raise ValueError(f"{value!r} has an empty name")
    return found


def is_url(text: str) -> bool:
    """Whether it is the URL of a database, and no path."""
    return _URL.match(text) is not None


def without_password(text: str) -> str:
    """A URL as it may be shown."""
    return _PASSWORD_IN_QUERY.sub(r"\1***", _PASSWORD.sub(r"\1:***@", text))


def _history(value: Any) -> bool | str:
    """Yes or no; the file of an SQLite database; the URL of a PostgreSQL one."""
    if isinstance(value, bool):
        return value
    text = _text(value)
    with suppress(ValueError):
        return parse_flag(text)
    if is_url(text) and not text.startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
        raise ValueError(
            f"{without_password(text)!r} is no URL of PostgreSQL; write it like postgresql://user@host/name"
        )
    return text


def _show_history(value: Any) -> str:
    return without_password(value) if isinstance(value, str) and is_url(value) else _shown(value)


def _shard(value: Any) -> Any:
    from flakeproof.settings.shards import parse_shard

    return parse_shard(value)


HERE = "local"
"""The place that is this machine."""
_ADDRESS = re.compile(r"(ray://)?(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}")


def _place(value: Any) -> str:
    text = _text(value)
    if text not in (HERE, "auto") and not _ADDRESS.fullmatch(text):
        raise ValueError(f"{shortened(text)!r} is no place to run; write {HERE}, auto, ray://HOST:10001 or HOST:6379")
    return text


def _isolations() -> list[str]:
    from flakeproof.model import Isolation

    return [isolation.value for isolation in Isolation]


def _presets() -> list[str]:
    from flakeproof.settings.presets import PRESETS

    return list(PRESETS)


FLAG = ValueKind(parse_flag, "bool", is_flag=True)
CHOICE = replace(FLAG, can_be_denied=True)
TEXT = ValueKind(_text, "str")
WRITTEN = ValueKind(lambda value: _text(str(value)), "str", show_time)
"""A setting of a scenario, which reads it itself."""
PATH = ValueKind(_text, "str | os.PathLike[str]")
TEXTS = replace(TEXT, is_repeated=True)
RATE = ValueKind(lambda value: parse_rate(str(value)), "float | str")
SHARE = ValueKind(parse_share, "float | str")
EXPRESSION = ValueKind(_regular_expression, "str")
SANITIZERS = ValueKind(_sanitizers, "str | Sequence[str]")
PATTERNS = ValueKind(_patterns, "str | Sequence[str]")
HISTORY = ValueKind(_history, "bool | str | os.PathLike[str]", _show_history)
ISOLATION = one_of(_isolations)
PRESET = one_of(_presets)
SEED = replace(whole(0, 2**63 - 1), show=str)
PLACE = ValueKind(_place, "str")
SHARD = ValueKind(
    _shard, "str | tuple[int, int]", lambda value: value if isinstance(value, str) else f"{value[0]}/{value[1]}"
)
