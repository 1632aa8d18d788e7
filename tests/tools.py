"""Programs that some tests need and not every machine has."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

_FOLDERS = [Path("/usr/local/go/bin"), Path.home() / ".cargo" / "bin"]
"""Where programs are that their installers do not put on the PATH."""


def needed(program: str) -> str:
    """Path of `program`. Without it the test is skipped; with FLAKEPROOF_REQUIRE_ALL=1 it fails."""
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, _FOLDERS)])
    found = shutil.which(program, path=search)
    if found is None:
        missing(f"{program} is not installed")
    return found


def missing(reason: str) -> NoReturn:
    """Skip the test for `reason`; with FLAKEPROOF_REQUIRE_ALL=1 fail it."""
    if os.environ.get("FLAKEPROOF_REQUIRE_ALL") == "1":
        pytest.fail(f"{reason}, and FLAKEPROOF_REQUIRE_ALL is set", pytrace=False)
    pytest.skip(reason)
