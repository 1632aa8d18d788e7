"""The standard library as it was when this process started: a test may replace names in it, and in our modules.

`mock.patch("os.write")` changes the module `os`, which everybody shares. pyfakefs and freezegun go further and replace,
in every module that is loaded, what they find under a global name: `os`, or a function such as `perf_counter_ns`. What
flakeproof does between tests, or while a fixture of a module or a session is in place, would do it with theirs. So the
modules here are copies, in objects that are no modules, and functions are called through them.
"""

import json as json
import os as os
import time as time
from types import ModuleType
from typing import TYPE_CHECKING, Any


class _Copy:
    """No module, and nothing that looks like one."""


def copy_of(module: ModuleType) -> Any:
    """An object that has what `module` has now, under the same names."""
    copy = _Copy()
    copy.__dict__.update(vars(module))
    path = getattr(module, "path", None)
    if isinstance(path, ModuleType):
        copy.__dict__["path"] = copy_of(path)
    return copy


if not TYPE_CHECKING:
    json, os, time = copy_of(json), copy_of(os), copy_of(time)
