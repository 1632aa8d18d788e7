"""`--locale`: language and customs that the tests find around them."""

import ctypes
import re
from typing import Any

from flakeproof.model import Target
from flakeproof.perturbations.perturbation import Hindrance, Kind, refuse_variables
from flakeproof.text import shortened
from flakeproof_worker.shared.variables import DRAWN, LOCALE

NASTY = (
    "C",
    "C.UTF-8",
    "en_US.UTF-8",
    "de_DE.UTF-8",  # a comma in numbers
    "de_DE.ISO-8859-1",  # not UTF-8
    "tr_TR.UTF-8",  # i is not the small letter of I
    "cs_CZ.UTF-8",  # ch is sorted behind h
    "hi_IN.UTF-8",  # other groups of digits
    "fa_IR.UTF-8",  # other digits
    "ja_JP.EUC-JP",
    "zh_CN.GB18030",
)
"""What `random` draws from, as far as it is installed."""
_NAME = re.compile(r"^[A-Za-z][\w.@\-]*$")
_ALL_CATEGORIES = 0x1FBF  # LC_ALL_MASK of locale.h


def _parse(given: Any) -> str:
    text = str(given).strip()
    if not _NAME.match(text):
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


def _read(given: str) -> list[str]:
    return [name for name in NASTY if is_installed(name)] if given == DRAWN else [given]


def _check(locales: list[str], source: str, target: Target) -> None:
    refuse_variables(LOCALE, f"{source} {_shown(locales)}", target)


def _hindrance(locales: list[str], target: Target) -> Hindrance | None:
    missing = next((name for name in locales if not is_installed(name)), None)
    if missing is None:
        return None
    return Hindrance(
        f"the locale {missing} is not installed",
        f"`locale -a` lists what is; `localedef` or locales-all adds {missing}",
    )


def _shown(locales: list[str]) -> str:
    return locales[0] if len(locales) == 1 else DRAWN


def _words(locales: list[str]) -> list[str]:
    return ["--locale", _shown(locales)]


LOCALES = Kind("locale", "locales", _parse, _words, read=_read, check=_check, hindrance=_hindrance)
