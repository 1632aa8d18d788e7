"""Count how often each finding was seen, and in how many passed and failed trials; sent on from time to time."""

import threading
from dataclasses import dataclass, field
from typing import Any

from flakeproof_worker.sanitize.sighting import CodeLine, Sighting, SightingPart, user_place

Row = dict[str, Any]
_EXAMPLES = 3
"""How many sightings with the same key a process reports in full."""


def key_of(sighting: Sighting) -> str:
    """The identity of a sighting: equal keys mean that one line did one kind of thing wrong to one kind of object."""
    guilty = f"{sighting.parts[0].role} {_line(sighting.parts[0])}" if sighting.parts else ""
    return " | ".join([sighting.sanitizer, sighting.kind, sighting.what, guilty])


def _line(part: SightingPart) -> str:
    place = _innermost(part)
    return f"{place.file}:{place.line}" if place is not None else "?"


def _innermost(part: SightingPart) -> CodeLine | None:
    """The line to show: the user's own, if there is one."""
    return user_place(part.stack) or (part.stack[0] if part.stack else None)


def _shown(part: SightingPart) -> Row | None:
    place = _innermost(part)
    return place._asdict() if place is not None else None


def full(sighting: Sighting) -> Row:
    """The whole sighting as data; `place` of a part is the line to show."""
    return {
        "text": sighting.text,
        "parts": [
            {
                "role": part.role,
                "trial": part.trial,
                "item": part.item,
                "place": _shown(part),
                "stack": [place._asdict() for place in part.stack],
            }
            for part in sighting.parts
        ],
    }


@dataclass
class _Count:
    head: Row
    times: int = 0
    passed: int = 0
    failed: int = 0
    examples: list[Row] = field(default_factory=list)


class SightingTally:
    """Counts by key. Finalisers may add to it at any moment, so its lock is reentrant."""

    def __init__(self) -> None:
        self._counts: dict[str, _Count] = {}
        self._told: dict[str, int] = {}
        """How many examples have been kept so far, by key."""
        self._lock = threading.RLock()

    def seen(self, key: str, sighting: Sighting) -> None:
        """Count the sighting once more."""
        with self._lock:
            count = self._of(key, sighting.sanitizer, sighting.kind, sighting.what)
            count.times += 1
            if self._told.get(key, 0) < _EXAMPLES:
                self._told[key] = self._told.get(key, 0) + 1
                count.examples.append(full(sighting))

    def ended(self, key: str, *, failed: bool) -> None:
        """Count a trial in which the finding was seen, by how it ended."""
        with self._lock:
            count = self._counts[key] if key in self._counts else self._of(key, *key.split(" | ", 3)[:3])
            if failed:
                count.failed += 1
            else:
                count.passed += 1

    def add(self, rows: list[Row]) -> None:
        """Add the counts of another process."""
        with self._lock:
            for row in rows:
                key = row["key"]
                count = self._of(key, row["sanitizer"], row["kind"], row["what"])
                count.times += row["times"]
                count.passed += row["passed"]
                count.failed += row["failed"]
                room = _EXAMPLES - self._told.get(key, 0)
                kept = row["examples"][:room] if room > 0 else []
                self._told[key] = self._told.get(key, 0) + len(kept)
                count.examples += kept

    def take(self) -> list[Row]:
        """Return the counts since the last call, and start from zero."""
        if not self._counts:
            return []
        with self._lock:
            counts, self._counts = self._counts, {}
        return [
            {
                "key": key,
                **count.head,
                "times": count.times,
                "passed": count.passed,
                "failed": count.failed,
                "examples": count.examples,
            }
            for key, count in counts.items()
        ]

    def _of(self, key: str, sanitizer: str, kind: str, what: str) -> _Count:
        count = self._counts.get(key)
        if count is None:
            count = self._counts[key] = _Count({"sanitizer": sanitizer, "kind": kind, "what": what})
        return count
