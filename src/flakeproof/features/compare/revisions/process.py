"""A program in a process group of its own, which ends with all of it when we are interrupted."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from flakeproof.features.compare.revisions.signals import held_back, termination_unwinds

_GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""


def run(
    words: Sequence[str], folder: Path, environment: Mapping[str, str], output: IO[bytes], errors: IO[bytes]
) -> int:
    """Run `words` in `folder`; the exit status, negative for the signal that ended it.

    Both streams go to files: what the program leaves running cannot keep us waiting. Raises OSError if it cannot be
    started.
    """
    with termination_unwinds():
        process = subprocess.Popen(
            words,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            return process.wait()
        except BaseException:
            with held_back():
                _end(process)
            raise


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the whole process group, also where its leader has ended already."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
