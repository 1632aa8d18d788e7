"""The summary of a job that GitHub Actions shows by itself: Markdown, appended to a file."""

from collections.abc import Mapping
from pathlib import Path

_LIMIT = 1024 * 1024
"""Bytes that a step may write to its summary; with more nothing is shown at all."""


def append_summary(markdown: bytes, environment: Mapping[str, str]) -> str | None:
    """Append to the summary of the job; return why not, if it was not possible."""
    name = environment.get("GITHUB_STEP_SUMMARY")
    if not name:
        return None
    path = Path(name)
    try:
        there = path.stat().st_size if path.exists() else 0
        if there + len(markdown) + 1 > _LIMIT:
            return f"{there:,} of the {_LIMIT:,} bytes that GitHub takes are used"
        with path.open("ab") as file:
            file.write(markdown + b"\n")
    except OSError as error:
        return error.strerror or str(error)
    return None
