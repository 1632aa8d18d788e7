"""The file of a quarantine, and what becomes of each of its entries: a pure decision."""

import tomllib
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path

import msgspec

from flakeproof.errors import UsageError
from flakeproof.stats.detection import zero_failure_bound
from flakeproof.stats.intervals import clopper_pearson
from flakeproof.text import plural, shortened, upper

EXAMPLE = """[[test]]
id = "tests/test_stock.py::test_sold"
owner = "ann@example.org"
reason = "races with the cache, issue 17"
until = 2026-12-31"""
_STABLE_RATE = 0.01
_CONFIDENCE = 0.99


class QuarantineEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A test that may fail until then."""

    id: str
    owner: str
    reason: str
    until: date


class _File(msgspec.Struct, forbid_unknown_fields=True):
    test: list[QuarantineEntry] = []


class EntryState(StrEnum):
    """What becomes of an entry."""

    STANDS = "stands"
    OVER = "over"
    STABLE = "stable"


@dataclass(frozen=True)
class SeenInHistory:
    """What the history has of a test."""

    runs: int = 0
    failures: int = 0
    quiet: int = 0
    """Runs since the last failure, all of which have passed; without a failure all runs."""


@dataclass(frozen=True)
class CheckedEntry:
    """An entry and its state, with the reason in words."""

    entry: QuarantineEntry
    state: EntryState
    why: str


def read(path: Path) -> list[QuarantineEntry]:
    """The entries of a file. Raises UsageError for one that is not there, or wrong."""
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File).test
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}", f"make it, with an entry for each test:\n{EXAMPLE}") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, msgspec.ValidationError, RecursionError) as error:
        raise UsageError(f"{path}: {error}", f"an entry looks like this:\n{EXAMPLE}") from None
    known: set[str] = set()
    for entry in found:
        for name in ("id", "owner", "reason"):
            if not getattr(entry, name).strip():
                raise UsageError(f"{path}: the {name} of {shortened(entry.id)!r} is empty", "say it in a few words")
        if entry.id in known:
            raise UsageError(f"{path}: {entry.id} is there twice", "leave one of them out")
        known.add(entry.id)
    return found


def judged(entry: QuarantineEntry, today: date, seen: SeenInHistory | None) -> CheckedEntry:
    """What becomes of it today; `seen` is None where there is no history.

    It is over on the day after `until`. It is stable once it has passed so often in a row that it fails, with 99 %
    confidence, more rarely than it did: than the lower end of the 95 % interval of all its runs (Clopper and Pearson);
    one that has never failed, than 1 %.
    """
    if today > entry.until:
        return CheckedEntry(entry, EntryState.OVER, f"its time was over on {entry.until}")
    if seen is None or not seen.runs:
        return CheckedEntry(entry, EntryState.STANDS, "the history has no run of it" if seen is not None else "")
    bound = zero_failure_bound(seen.quiet, _CONFIDENCE) if seen.quiet else 1.0
    before = clopper_pearson(seen.failures, seen.runs).low if seen.failures else _STABLE_RATE
    told = f"{plural(seen.quiet, 'run')} without a failure{' since the last one' if seen.failures else ''}"
    if bound < before:
        limit = f"at most {upper(bound)} (99% confidence)"
        return CheckedEntry(entry, EntryState.STABLE, f"{told}: it fails in {limit}, and is proven stable")
    failed = f"failed {seen.failures} of {seen.runs}, " if seen.failures else ""
    return CheckedEntry(entry, EntryState.STANDS, f"{failed}{told}")
