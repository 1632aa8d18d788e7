"""`--timezone` and `--locale`: the time zone and the locale in which the tests run."""

import ctypes
import difflib
import os
import re
import zoneinfo
from pathlib import Path
from typing import Any

from flakeproof.errors import UsageError
from flakeproof.model import Target
from flakeproof.perturbations.perturbation import Hindrance, PerturbationKind, refuse_variables
from flakeproof.text import shortened
from flakeproof_worker.shared.variables import DRAWN, LOCALE, ZONE

NASTY_ZONES = (
    "UTC",
    "America/New_York",
    "Europe/London",  # the same as UTC for half of the year
    "Europe/Dublin",  # daylight saving is negative, in winter
    "Africa/Casablanca",  # negative, too, during Ramadan, which follows the moon
    "Australia/Sydney",
    "Australia/Lord_Howe",  # half an hour of daylight saving
    "America/St_Johns",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "Pacific/Apia",  # has had no 30 December 2011
    "Pacific/Kiritimati",
    "Etc/GMT+12",
)
"""Zones that `random` draws from: extreme offsets, daylight saving in both hemispheres, half and quarter hours."""
_PLACES = ("/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo")
_POSIX = re.compile(r"^(?:<[+\-\w]+>|[A-Za-z]{3,})[+-]?\d{1,3}(?::\d\d){0,2}(?:(?:<[+\-\w]+>|[A-Za-z]{3,}).*)?$")
"""A zone in the POSIX form, such as `CET-1CEST,M3.5.0,M10.5.0/3` (IEEE Std 1003.1, 8.3)."""
_NAME_TIMEZONE = re.compile(r"^[A-Za-z][\w+\-]*(?:/[\w+\-]+)*$")


def _parse_timezone(given: Any) -> str:
    text = str(given).strip()
    if not _NAME_TIMEZONE.match(text) and not _POSIX.match(text):
        raise ValueError(f"{shortened(text)!r} is no time zone; write it like Europe/Berlin, or {DRAWN}")
    return text


def _read_timezone(given: str) -> list[str]:
    """The zones to draw from: the installed ones of `NASTY_ZONES`, or the given one."""
    if given != DRAWN:
        return [given]
    folder = _folder()
    return [name for name in NASTY_ZONES if folder is not None and (folder / name).is_file()]


def _folder() -> Path | None:
    """The folder in which the C library finds zones."""
    places = [os.environ["TZDIR"]] if os.environ.get("TZDIR") else _PLACES
    return next((path for place in places if (path := Path(place)).is_dir()), None)


def _check_timezone(zones: list[str], source: str, target: Target) -> None:
    shown = f"{source} {_shown_timezone(zones)}"
    refuse_variables([ZONE], shown, target)
    folder = _folder()
    if len(zones) != 1 or folder is None or _is_known(zones[0], folder):
        return
    close = difflib.get_close_matches(zones[0], sorted(zoneinfo.available_timezones()), n=1)
    hint = f"did you mean {close[0]}?" if close else "zones are named like Europe/Berlin"
    raise UsageError(f"{shown}: no such time zone in {folder}", hint)


def _is_known(zone: str, folder: Path) -> bool:
    if _POSIX.match(zone):
        return True
    try:
        with (folder / zone).open("rb") as file:
            return file.read(4) == b"TZif"
    except OSError:
        return False


def _hindrance_timezone(zones: list[str], target: Target) -> Hindrance | None:
    if _folder() is None and not (zones and _POSIX.match(zones[0])):
        return Hindrance("no time zones are installed", "install the package tzdata")
    return None


def _check_shared(zones: list[str], source: str) -> None:
    if len(zones) != 1:
        raise UsageError(
            f"{source} {_shown_timezone(zones)}: tests that run at once in one process share its time zone",
            "name one zone, or run one test at a time in each process: as many --processes as --workers",
        )


def _shown_timezone(zones: list[str]) -> str:
    return zones[0] if len(zones) == 1 else DRAWN


def _words_timezone(zones: list[str]) -> list[str]:
    return ["--timezone", _shown_timezone(zones)]


TIMEZONE = PerturbationKind(
    "timezone",
    "timezones",
    _parse_timezone,
    _words_timezone,
    read=_read_timezone,
    check=_check_timezone,
    check_shared=_check_shared,
    hindrance=_hindrance_timezone,
)


NASTY_LOCALES = (
    "C",
    "C.UTF-8",
    "en_US.UTF-8",
    "de_DE.UTF-8",  # a comma in numbers
    "de_DE.ISO-8859-1",  # not UTF-8
    "tr_TR.UTF-8",  # i is not the small letter of I
    "cs_CZ.UTF-8",  # ch is sorted after h
    "hi_IN.UTF-8",  # other groups of digits
    "fa_IR.UTF-8",  # other digits
    "ja_JP.EUC-JP",
    "zh_CN.GB18030",
)
"""Locales that `random` draws from, as far as they are installed."""
_NAME_LOCALE = re.compile(r"^[A-Za-z][\w.@\-]*$")
_ALL_CATEGORIES = 0x1FBF  # LC_ALL_MASK of locale.h


def _parse_locale(given: Any) -> str:
    text = str(given).strip()
    if not _NAME_LOCALE.match(text):
        raise ValueError(f"{shortened(text)!r} is no locale; write it like de_DE.UTF-8, or {DRAWN}")
    return text


def is_installed(name: str) -> bool:
    """Whether the C library of this machine has the locale."""
    library = ctypes.CDLL(None)
    library.newlocale.restype = ctypes.c_void_p
    made = library.newlocale(_ALL_CATEGORIES, name.encode(), None)
    if made:
        library.freelocale(ctypes.c_void_p(made))
    return bool(made)


def _read_locale(given: str) -> list[str]:
    return [name for name in NASTY_LOCALES if is_installed(name)] if given == DRAWN else [given]


def _check_locale(locales: list[str], source: str, target: Target) -> None:
    refuse_variables(LOCALE, f"{source} {_shown_locale(locales)}", target)


def _hindrance_locale(locales: list[str], target: Target) -> Hindrance | None:
    missing = next((name for name in locales if not is_installed(name)), None)
    if missing is None:
        return None
    return Hindrance(
        f"the locale {missing} is not installed",
        f"`locale -a` lists the installed ones; `localedef` or the package locales-all adds {missing}",
    )


def _shown_locale(locales: list[str]) -> str:
    return locales[0] if len(locales) == 1 else DRAWN


def _words_locale(locales: list[str]) -> list[str]:
    return ["--locale", _shown_locale(locales)]


LOCALES = PerturbationKind(
    "locale",
    "locales",
    _parse_locale,
    _words_locale,
    read=_read_locale,
    check=_check_locale,
    hindrance=_hindrance_locale,
)
