"""`--timezone`: where on earth the tests run."""

import difflib
import os
import re
import zoneinfo
from pathlib import Path
from typing import Any

from flakeproof.errors import UsageError
from flakeproof.model import Target
from flakeproof.perturbations.perturbation import Hindrance, Kind, refuse_variables
from flakeproof.text import shortened
from flakeproof_worker.shared.variables import DRAWN, ZONE

NASTY = (
    "UTC",
    "America/New_York",
    "Europe/London",  # as UTC, for half of the year
    "Europe/Dublin",  # daylight saving is negative, in winter
    "Africa/Casablanca",  # and here in Ramadan, by the moon
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
"""What `random` draws from: both ends of the day, daylight saving on both hemispheres, half and quarter hours."""
_PLACES = ("/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo")
_POSIX = re.compile(r"^(?:<[+\-\w]+>|[A-Za-z]{3,})[+-]?\d{1,3}(?::\d\d){0,2}(?:(?:<[+\-\w]+>|[A-Za-z]{3,}).*)?$")
"""A zone written out as in POSIX, `CET-1CEST,M3.5.0,M10.5.0/3` (IEEE Std 1003.1, 8.3)."""
_NAME = re.compile(r"^[A-Za-z][\w+\-]*(?:/[\w+\-]+)*$")


def _parse(given: Any) -> str:
    text = str(given).strip()
    if not _NAME.match(text) and not _POSIX.match(text):
        raise ValueError(f"{shortened(text)!r} is no time zone; write it like Europe/Berlin, or {DRAWN}")
    return text


def _read(given: str) -> list[str]:
    """The zones to draw from: those of ours that are installed, or the one that is named."""
    if given != DRAWN:
        return [given]
    folder = _folder()
    return [name for name in NASTY if folder is not None and (folder / name).is_file()]


def _folder() -> Path | None:
    """Where the C library finds zones."""
    places = [os.environ["TZDIR"]] if os.environ.get("TZDIR") else _PLACES
    return next((path for place in places if (path := Path(place)).is_dir()), None)


def _check(zones: list[str], source: str, target: Target) -> None:
    shown = f"{source} {_shown(zones)}"
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


def _hindrance(zones: list[str], target: Target) -> Hindrance | None:
    if _folder() is None and not (zones and _POSIX.match(zones[0])):
        return Hindrance("no time zones are installed", "install the package tzdata")
    return None


def _check_shared(zones: list[str], source: str) -> None:
    if len(zones) != 1:
        raise UsageError(
            f"{source} {_shown(zones)}: several tests at once in one process share its time zone",
            "name one zone, or have one test at a time in a process: --processes as many as --workers",
        )


def _shown(zones: list[str]) -> str:
    return zones[0] if len(zones) == 1 else DRAWN


def _words(zones: list[str]) -> list[str]:
    return ["--timezone", _shown(zones)]


TIMEZONE = Kind(
    "timezone",
    "timezones",
    _parse,
    _words,
    read=_read,
    check=_check,
    check_shared=_check_shared,
    hindrance=_hindrance,
)
