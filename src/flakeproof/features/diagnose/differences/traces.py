"""Recorded trials (`flakeproof_worker.recording`), cut off at the moment at which the failure was decided."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

Fact = bool | int | float | str | None
At = tuple[str, int]
"""A file and a line."""


@dataclass(frozen=True, slots=True)
class LineVisits:
    """What one line did in one trial; moments count the events of the trial."""

    function: str
    first: int
    last: int
    """When it ended for the last time."""
    hits: int
    total: float
    """Seconds from when it was reached until the next line of its function was; for all times together."""
    own: float
    """The same, less what it called of the project's own functions."""


@dataclass(frozen=True, slots=True)
class Value:
    """A fact about a variable at a line in one trial."""

    first: int
    last: int
    count: int
    first_value: Fact
    last_value: Fact
    lowest: Fact
    highest: Fact
    distinct: int
    """How many different values it had, at most 16."""


@dataclass(frozen=True)
class Trace:
    """One trial."""

    trial: int
    lines: Mapping[At, LineVisits]
    values: Mapping[tuple[str, int, str], Value]
    raised: Mapping[tuple[str, int, str, str], int]
    """First moment of an exception by file, line, type and function."""
    switches: Mapping[tuple[str, int, str, int], tuple[int, int]]
    """First moment at which the second line ran right after the first, of another thread or task, and how often."""
    interruptions: Mapping[tuple[str, int, str, int], tuple[int, int]]
    """First moment, and number of times, that while the first line ran, or waited, another thread or task ran the
    second one, which writes."""
    cut: int = field(default=1 << 62)
    """Moment from which on nothing could decide about the failure any more."""


def read_traces(folder: Path) -> list[Trace]:
    """All trials recorded in `folder`; what was not written to its end is left out."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(_trace(msgspec.json.decode(path.read_bytes())))
        except (msgspec.DecodeError, KeyError, ValueError, TypeError):
            continue
    return found


def _trace(data: dict[str, Any]) -> Trace:
    lines: dict[At, LineVisits] = {}
    for file, line, function, first, last, hits, total, own in data["lines"]:
        before = lines.get((file, line))
        new = LineVisits(function, first, last, hits, total / 1e9, own / 1e9)
        lines[file, line] = new if before is None else _together(before, new)
    return Trace(
        trial=data["trial"],
        lines=lines,
        values={(row[0], row[1], row[2]): Value(*row[3:]) for row in data["values"]},
        raised={(file, line, kind, function): first for file, line, kind, function, first, _ in data["raised"]},
        switches={(row[0], row[1], row[2], row[3]): (row[4], row[5]) for row in data["switches"]},
        interruptions={(row[0], row[1], row[2], row[3]): (row[4], row[5]) for row in data["interruptions"]},
    )


def _together(one: LineVisits, other: LineVisits) -> LineVisits:
    """A line that belongs to two functions, such as that of a lambda."""
    return LineVisits(
        function=min(one.function, other.function, key=len),
        first=min(one.first, other.first),
        last=max(one.last, other.last),
        hits=one.hits + other.hits,
        total=max(one.total, other.total),
        own=one.own + other.own,
    )


def cut_off(traces: Iterable[Trace], frames: Sequence[At]) -> list[Trace]:
    """`traces`, each cut at the last moment of the line that failed: what comes later is consequence, or luck.

    `frames` are the lines of the failure's traceback in the project's own code, outermost first. A trial that never
    reached the innermost one is cut at the last moment of the next one outwards that it reached.
    """
    found = []
    for trace in traces:
        cut = next((trace.lines[at].last for at in reversed(frames) if at in trace.lines), 1 << 62)
        found.append(replace(trace, cut=cut))
    return found
