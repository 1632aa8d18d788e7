"""Profiles of settings, each in a file."""

from pathlib import Path

active: dict[str, str] = {"separator": ","}
"""The settings in use."""


def load(path: Path) -> dict[str, str]:
    """The settings of a profile, which are then those in use."""
    settings = dict(line.split("=") for line in path.read_text().split())
    active.update(settings)
    return settings


def row(*cells: str) -> str:
    """A row of a table."""
    return active["separator"].join(cells)
