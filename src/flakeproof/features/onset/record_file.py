"""The record of a bisection (`bisect.jsonl`): what is needed to go on where it ended, and to tell it again."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from flakeproof.clock import now
from flakeproof.errors import UsageError
from flakeproof.features.onset.records import AnyBisectEvent, BisectSpec, BisectStarted, decode
from flakeproof.store.file import GrowingFile, as_json
from flakeproof.store.folder import RunFolder, Store
from flakeproof.store.spec_file import BISECT_NAME
from flakeproof.version import __version__


class BisectRecord:
    """Every event as a line, in the folder of a run."""

    def __init__(self, folder: RunFolder, warn: Callable[[str], None]) -> None:
        """What was cut off at the end of an earlier record is taken away; `warn` hears if nothing can be written."""
        self.folder = folder
        path = folder.path / BISECT_NAME
        if path.exists():
            whole = path.read_bytes()
            with path.open("r+b") as file:
                file.truncate(whole.rfind(b"\n") + 1)

        def failed(error: OSError) -> None:
            warn(f"{path} cannot be written any more ({error.strerror or error}); the search goes on without it")

        self._file = GrowingFile(path, failed)

    def start(self, spec: BisectSpec, commits: int) -> None:
        """The first line, also of what goes on."""
        self.write(BisectStarted(at=now().isoformat(), version=__version__, spec=spec, commits=commits))

    def write(self, event: AnyBisectEvent) -> None:
        """Add an event."""
        self._file.write(as_json(event) + b"\n")

    def close(self) -> None:
        """It is written."""
        self._file.close()
        self.folder.close()


def read(folder: Path, option: str) -> tuple[BisectSpec, list[AnyBisectEvent]]:
    """What was asked for, and what happened; `option` is what named the run. Raises UsageError."""
    try:
        with (folder / BISECT_NAME).open("rb") as file:
            events = [decode(line) for line in file if line.endswith(b"\n")]
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"{option}: {folder} has no record of a bisection ({error})") from None
    if not events or not isinstance(events[0], BisectStarted):
        raise UsageError(f"{option}: the record in {folder} is not complete", "start again without it")
    return events[0].spec, events


def earlier(store: Store, name: str, spec: BisectSpec) -> tuple[Path, BisectSpec, list[AnyBisectEvent]]:
    """The bisection `name` that is to go on, if it was about what `spec` asks for. Raises UsageError."""
    option = f"--resume {name}"
    folder = store.find(name)
    before, events = read(folder, option)
    same = msgspec.structs.replace(spec, seed=before.seed, error=before.error, rate=before.rate)
    same = msgspec.structs.replace(same, likelier=before.likelier)
    if same != before:
        pairs = zip(
            before.__struct_fields__, msgspec.structs.astuple(before), msgspec.structs.astuple(same), strict=True
        )
        differing = ", ".join(key for key, one, other in pairs if one != other)
        raise UsageError(
            f"{option}: that bisection was of something else ({differing})",
            "what was seen can only be used where the same is asked for; leave --resume out",
        )
    return folder, msgspec.structs.replace(before, error=spec.error, rate=spec.rate), events
