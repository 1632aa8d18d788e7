"""Private copies of `json`, `os` and `time` from the start of the process: a test may replace names in the originals.

`mock.patch("os.write")` changes the module `os`, which all code shares. pyfakefs and freezegun go further: in every
loaded module they replace global names such as `os` or `perf_counter_ns`. flakeproof would then use their replacements
between tests, or while a module or session fixture is active. So this module copies the modules into objects that are
not modules, and flakeproof calls functions through these.
"""

import json as json
import os as os
import time as time
from types import ModuleType
from typing import TYPE_CHECKING, Any


class _Copy:
    """A namespace that is not a module and does not look like one."""


def copy_of(module: ModuleType) -> Any:
    """An object with the current attributes of `module`."""
    copy = _Copy()
    copy.__dict__.update(vars(module))
    path = getattr(module, "path", None)
    if isinstance(path, ModuleType):
        copy.__dict__["path"] = copy_of(path)
    return copy


if not TYPE_CHECKING:
    json, os, time = copy_of(json), copy_of(os), copy_of(time)
