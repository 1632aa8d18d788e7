"""Find the records of the parts of a run or a comparison, in folders and archives; check that they belong together."""

import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from flakeproof.errors import UsageError
from flakeproof.events import RunStarted
from flakeproof.features.compare.recorded_comparison import read_pairs
from flakeproof.features.compare.records import ComparisonStarted
from flakeproof.model import RunSpec
from flakeproof.store.log import LOG_NAME, read_events
from flakeproof.store.spec_file import PAIRS_NAME, SPEC_NAME
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
    "watch_packets",
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


@dataclass(frozen=True)
class ComparisonPart:
    """The record of one part of a comparison."""

    folder: Path
    shown: str
    started: ComparisonStarted
    arms: tuple[Part, Part]

    @property
    def number(self) -> int:
        """Which part it is, from 1."""
        return self.shard[0]

    @property
    def shard(self) -> tuple[int, int]:
        """Its number, and the number of all."""
        assert self.started.spec.shard is not None
        return self.started.spec.shard

    @property
    def machine(self) -> str:
        """Name of the machine that ran it."""
        return self.started.machine


@dataclass(frozen=True)
class Given:
    """A folder with records, and what the user called it."""

    folder: Path
    given: Path

    def shown(self, folder: Path) -> str:
        """A folder below this one, for people."""
        if self.folder == self.given:
            return shown_path(str(folder))
        return f"{shown_path(str(self.given))}:{folder.relative_to(self.folder)}"


def given_places(given: Sequence[Path], temporary: Path) -> list[Given]:
    """Where to look for records; archives are unpacked into `temporary`. Raises UsageError."""
    found = []
    for index, place in enumerate(given):
        here = place
        if not place.exists():
            raise UsageError(
                f"there is nothing at {place}", "name the folders or archives with the records of the parts"
            )
        if place.is_file():
            here = temporary / str(index)
            unpack(place, here)
        found.append(Given(here, place))
    return found


def find_parts(places: Sequence[Given]) -> list[Part]:
    """The parts of a run in `places`, by their number.

    Raises UsageError for a place that has none, and for parts that are not of one run.
    """
    found: list[Part] = []
    for place in places:
        logs = sorted(files_below(place.folder, LOG_NAME))
        if not logs:
            raise UsageError(
                f"{place.given} holds no record of a run ({LOG_NAME})",
                "name the folder .flakeproof of a part, or an archive of it",
            )
        found += [_part(log.parent, place.shown(log.parent)) for log in logs]
    _check_each(found)
    found.sort(key=lambda part: part.number)
    _check_together(found)
    return found


def find_comparisons(places: Sequence[Given]) -> list[ComparisonPart]:
    """The parts of a comparison in `places`, by their number; none if there is no comparison at all.

    Raises UsageError for a place that has none where another one has, and for parts that are not of one comparison.
    """
    records = [(place, sorted(files_below(place.folder, PAIRS_NAME))) for place in places]
    if not any(files for _, files in records):
        return []
    found: list[ComparisonPart] = []
    for place, files in records:
        if not files:
            raise UsageError(f"{place.given} holds no part of a comparison, as others do", "merge one or the other")
        found += [_comparison(file.parent, place) for file in files]
    found.sort(key=lambda part: part.number)
    for arm in (0, 1):
        _check_together([part.arms[arm] for part in found])
    first = found[0]
    for part in found:
        if part.started.spec.same != first.started.spec.same or part.started.spec.error != first.started.spec.error:
            raise UsageError(
                f"{first.shown} and {part.shown} are not parts of one comparison",
                "what is merged has the same arms, --error, --reduction and --workers",
            )
    return found


def _comparison(folder: Path, place: Given) -> ComparisonPart:
    shown = place.shown(folder)
    try:
        started = next(iter(read_pairs(folder)), None)
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"the record in {shown} cannot be read: {one_line(str(error))}") from None
    if not isinstance(started, ComparisonStarted):
        raise UsageError(f"the record in {shown} has no beginning", "that part was killed before its first test")
    if started.spec.shard is None:
        raise UsageError(
            f"{shown} is no part of a comparison: it was made without --shard",
            "give each machine its part of the same comparison: --seed 1 --shard 1/20, --seed 1 --shard 2/20, …",
        )
    base, fix = (_part(folder.with_name(run), place.shown(folder.with_name(run))) for run in started.runs)
    return ComparisonPart(folder, shown, started, (base, fix))


def files_below(folder: Path, name: str) -> Iterator[Path]:
    """Files called `name` below `folder`; `latest` is a link to a run that is found anyway."""
    for path in folder.rglob(name):
        if path.is_file() and not any(above.is_symlink() for above in path.parents if above.is_relative_to(folder)):
            yield path


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip or tar archive into `folder`. Raises UsageError where that cannot be."""
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
