"""Find the records of the parts of a run, in folders and archives, and see to it that they are parts of one run."""

import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from flakeproof.errors import UsageError
from flakeproof.events import RunStarted
from flakeproof.model import RunSpec
from flakeproof.store.log import LOG_NAME, read_events
from flakeproof.store.spec_file import SPEC_NAME
from flakeproof.text import one_line, shown_path

_MOST_BYTES = 8 * 1024**3
"""What an archive may hold; the log of a run has 32 MB at most."""
_OF_MACHINE = ("folder", "python", "python_from", "environment", "program", "packages", "watched")
"""What may differ from machine to machine in a target that is the same."""
_OF_PART = (
    "shard",
    "first",
    "count",
    "first_process",
    "machines",
    "left_out",
    "private_network",
    "workers",
    "processes",
)
"""What may differ from part to part of one run."""


@dataclass(frozen=True)
class Part:
    """The record of one part."""

    folder: Path
    shown: str
    """Where it is, for people: an archive's content has no lasting path."""
    run_id: str
    version: str
    at: str
    machine: str
    spec: RunSpec

    @property
    def number(self) -> int:
        """Which part it is, from 1."""
        return self.shard[0]

    @property
    def shard(self) -> tuple[int, int]:
        """Its number, and the number of all."""
        assert self.spec.shard is not None
        return self.spec.shard


def find_parts(places: Sequence[Path], temporary: Path) -> list[Part]:
    """The parts in folders (of a run, or with any number of runs below) and archives, by their number.

    Archives are unpacked into `temporary`. Raises UsageError for what has none, and for parts that are not of one run.
    """
    found: list[Part] = []
    for index, place in enumerate(places):
        here = place
        if not place.exists():
            raise UsageError(
                f"there is nothing at {place}", "name the folders or archives with the records of the parts"
            )
        if place.is_file():
            here = temporary / str(index)
            _unpack(place, here)
        logs = sorted(_logs(here))
        if not logs:
            raise UsageError(
                f"{place} holds no record of a run ({LOG_NAME})",
                "name the folder .flakeproof of a part, or an archive of it",
            )
        for log in logs:
            inside = log.parent.relative_to(here)
            shown = shown_path(str(log.parent)) if here == place else f"{shown_path(str(place))}:{inside}"
            found.append(_part(log.parent, shown))
    _check_each(found)
    found.sort(key=lambda part: part.number)
    _check_together(found)
    return found


def _logs(folder: Path) -> Iterator[Path]:
    """Logs below `folder`; `latest` is a link to one that is found anyway."""
    for path in folder.rglob(LOG_NAME):
        if path.is_file() and not any(above.is_symlink() for above in path.parents if above.is_relative_to(folder)):
            yield path


def _unpack(archive: Path, folder: Path) -> None:
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as packed:
                _check_size(archive, sum(one.file_size for one in packed.infolist()))
                packed.extractall(folder)  # which keeps inside of the folder
        else:
            with tarfile.open(archive) as packed_tar:
                _check_size(archive, sum(one.size for one in packed_tar))
                packed_tar.extractall(folder, filter="data")
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise UsageError(
            f"{archive} cannot be unpacked: {error}", "a zip or tar archive of .flakeproof is wanted"
        ) from None


def _check_size(archive: Path, size: int) -> None:
    if size > _MOST_BYTES:
        raise UsageError(f"{archive} would take {size / 1e9:.0f} GB unpacked", "records of runs are far smaller")


def _part(folder: Path, shown: str) -> Part:
    try:
        first = next(read_events(folder), None)
        if not isinstance(first, RunStarted):
            raise UsageError(f"the record in {shown} has no beginning", "that part was killed before its first test")
        spec = msgspec.json.decode((folder / SPEC_NAME).read_bytes(), type=RunSpec)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"the record in {shown} cannot be read: {one_line(str(error))}") from None
    return Part(folder, shown, first.run_id, first.version, first.at, first.machine, spec)


def _check_each(parts: Sequence[Part]) -> None:
    for part in parts:
        if part.spec.shard is None:
            raise UsageError(
                f"{part.shown} is no part of a run: it was made without --shard",
                "give each machine its part of the same run: --seed 1 --shard 1/20, --seed 1 --shard 2/20, …",
            )


def _check_together(parts: Sequence[Part]) -> None:
    """Raise UsageError unless these are parts of one run, each there once; the message says what differs."""
    first = parts[0]
    known: dict[int, Part] = {}
    for part in parts:
        if part.version != first.version:
            raise UsageError(
                f"{first.shown} is of flakeproof {first.version}, {part.shown} of {part.version}", "use one version"
            )
        if differing := _differing(first.spec, part.spec):
            raise UsageError(
                f"{first.shown} and {part.shown} are not parts of one run: they differ in {', '.join(differing)}",
                "what is merged has the same target, settings, --seed and number of parts",
            )
        if (other := known.setdefault(part.number, part)) is not part:
            same = " (the same record)" if other.run_id == part.run_id else ""
            raise UsageError(
                f"part {part.number} is there twice{same}: {other.shown} and {part.shown}", "leave one of them out"
            )


def _differing(one: RunSpec, another: RunSpec) -> list[str]:
    """Names of what differs between two parts and may not, with the values where they are short."""
    found = []
    left, right = _comparable(one), _comparable(another)
    for name in left.keys() | right.keys():
        if left.get(name) != right.get(name):
            values = f"{left.get(name)} and {right.get(name)}"
            found.append(f"{name} ({values})" if len(values) < 100 else name)
    return sorted(found)


def _comparable(spec: RunSpec) -> Mapping[str, Any]:
    whole: dict[str, Any] = msgspec.to_builtins(spec)
    target = {name: value for name, value in whole.pop("target").items() if name not in _OF_MACHINE}
    kept = {name: value for name, value in whole.items() if name not in _OF_PART}
    return {
        **kept,
        **{f"target {name}": value for name, value in target.items()},
        "parts": spec.shard and spec.shard[1],
    }
