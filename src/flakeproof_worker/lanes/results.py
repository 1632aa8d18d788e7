"""Files that a command writes about its tests, one or several for each trial."""

import base64
import glob
import os
import re
import stat
from contextlib import suppress

_MOST_BYTES = 16 << 20
"""Of all files of one trial."""
_MOST_FILES = 2_000
_PLACEHOLDER = re.compile(r"\{trial\}|\{seed\}|\{folder\}")
_State = tuple[int, int, int]


def filled(text: str, values: dict[str, str]) -> str:
    """`text` with what stands for its placeholders; those that are not in `values` stay."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[0], found[0]), text)


class WrittenFiles:
    """Finds what each trial has written, and leaves alone what was there before."""

    def __init__(self, pattern: str) -> None:
        """`pattern` is a glob from the working directory, with placeholders."""
        self.pattern = pattern
        self._before: dict[int, tuple[str, dict[str, _State]]] = {}

    def expect(self, trial: int, pattern: str) -> None:
        """Note what is there before `trial` begins, whose files fit `pattern`."""
        self._before[trial] = pattern, {path: state for path in _fitting(pattern) if (state := _state(path))}

    def read(self, trial: int) -> list[dict[str, str]]:
        """Name and content (base64) of each file that has been written since then; none of those beyond the limits."""
        pattern, before = self._before.pop(trial)
        found: list[dict[str, str]] = []
        left = _MOST_BYTES
        for path in _fitting(pattern):
            state = _state(path)
            if state is None or before.get(path) == state:
                continue
            with suppress(OSError), open(path, "rb") as file:  # noqa: PTH123 - pathlib is not imported here
                data = file.read(left)
                left -= len(data)
                found.append({"name": path, "data": base64.b64encode(data).decode()})
            if not left or len(found) >= _MOST_FILES:
                break
        return found


def _fitting(pattern: str) -> list[str]:
    return sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - the same


def _state(path: str) -> _State | None:
    """What changes when a regular file is written anew; None for anything else, also for what blocks (a pipe)."""
    try:
        status = os.stat(path)  # noqa: PTH116 - the same
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns
