"""Put the parts of a run together: one record, one summary, one verdict, as if one machine had run it."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from flakeproof.errors import KILLED, Stop, UsageError
from flakeproof.events import (
    Answered,
    AnyRecord,
    CopiesChecked,
    ItemsCollected,
    Noted,
    RunEnded,
    RunResumed,
    RunStarted,
    Settled,
    TrialFailed,
)
from flakeproof.features.merge.parts import Part, find_parts
from flakeproof.features.run.earlier import summary_of
from flakeproof.features.run.session import RunSession
from flakeproof.model import RunSpec
from flakeproof.reports.files import report_files
from flakeproof.settings.from_options import options_in, settings
from flakeproof.store.file import GrowingFile, as_json
from flakeproof.store.folder import RunFolder, store_of
from flakeproof.store.log import LOG_NAME, read_events
from flakeproof.store.spec_file import is_ours, write_spec
from flakeproof.text import plural

_NAMED = 10


def merge_records(places: Sequence[str], given: Mapping[str, Any]) -> int:
    """Merge the parts in `places` into a run of its own, print and report it, return its exit code.

    Raises UsageError for what cannot be merged; then nothing is left behind.
    """
    config = settings(options_in(given))
    files = report_files(config)
    files.prepare()
    with tempfile.TemporaryDirectory(prefix="flakeproof-merge-") as temporary:
        parts = find_parts([Path(place) for place in places], Path(temporary))
        store = store_of(config)
        folder = store.new_run()
        try:
            spec = _write(parts, folder)
        except BaseException:
            store.discard(folder)
            raise
    folder.close()
    store.prune(config.value("keep-runs"))
    session = RunSession(spec, config, files, copies=False)
    total = parts[0].shard[1]
    session.note(f"{plural(len(parts), 'part')} of {total} merged, from {_machines(parts)}")
    if missing := _missing(parts):
        session.warn(f"{missing}; what follows is about the others")
    summary = summary_of(folder.path)
    session.print_results(summary)
    return session.finish(summary)


def _machines(parts: Sequence[Part]) -> str:
    names = list(dict.fromkeys(part.machine or "a machine without a name" for part in parts))
    return plural(len(names), "machine") if len(names) > 1 else names[0]


def _missing(parts: Sequence[Part]) -> str:
    """`parts 4 and 7 of 20 are missing`, or ""."""
    total = parts[0].shard[1]
    gone = sorted({*range(1, total + 1)} - {part.number for part in parts})
    if not gone:
        return ""
    names = [str(number) for number in gone[:_NAMED]]
    if len(gone) > _NAMED:
        names.append(f"{len(gone) - _NAMED} more")
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    return f"part{'s' if len(gone) > 1 else ''} {listed} of {total} {'are' if len(gone) > 1 else 'is'} missing"


def _whole(parts: Sequence[Part]) -> RunSpec:
    """The run that the parts are of, as far as they are there."""
    total = parts[0].shard[1]
    names = {part.number: part.machine for part in parts}
    counts = [part.spec.count for part in parts]
    target = parts[0].spec.target
    if not Path(target.folder).is_dir():  # of another machine: what is replayed here runs where one is
        target = msgspec.structs.replace(target, folder=str(Path.cwd()))
    return msgspec.structs.replace(
        parts[0].spec,
        target=target,
        shard=None,
        first=1,
        first_process=0,
        count=None if None in counts else sum(count or 0 for count in counts),
        machines=[names.get(number, "") for number in range(1, total + 1)],
    )


def _write(parts: Sequence[Part], folder: RunFolder) -> RunSpec:
    """Write the record of the whole. Raises UsageError."""
    spec = _whole(parts)
    write_spec(folder.path, spec, is_ours=all(is_ours(part.folder) for part in parts))
    problem: list[OSError] = []
    file = GrowingFile(folder.path / LOG_NAME, problem.append, buffer=1 << 16)
    started = RunStarted(
        run_id=folder.path.name, at=min(part.at for part in parts), version=parts[0].version, spec=spec
    )
    for event in (started, *_events(parts)):
        file.write(as_json(event) + b"\n")
    file.close()
    if problem:
        raise UsageError(f"{folder.path / LOG_NAME} cannot be written: {problem[0].strerror}", "make room")
    return spec


def _events(parts: Sequence[Part]) -> Iterator[AnyRecord]:
    """What happened in all parts, and at last how the whole ended."""
    collected: ItemsCollected | None = None
    ends: list[tuple[Part, RunEnded | None]] = []
    failures, longest = 0, 0.0
    for part in parts:
        end: RunEnded | None = None
        try:
            for event in read_events(part.folder):
                match event:
                    case RunStarted() | RunResumed() | Answered() | CopiesChecked():
                        continue  # what is said of the whole is found out from all of it
                    case RunEnded():
                        end = event
                    case ItemsCollected():
                        if collected is None:
                            collected = event
                            yield event
                        elif event.items != collected.items:
                            raise UsageError(
                                f"part {part.number} ({part.shown}) has collected other tests than part "
                                f"{parts[0].number} ({parts[0].shown}): {_first_other(event, collected)}",
                                "all parts have to be of the same commit",
                            )
                    case Noted():
                        yield msgspec.structs.replace(event, message=f"part {part.number}: {event.message}")
                    case TrialFailed():
                        failures += 1
                        yield msgspec.structs.replace(event, number=failures)
                    case Settled():
                        longest = max(longest, event.elapsed)
                        yield event
                    case _:
                        yield event
        except (OSError, msgspec.DecodeError) as error:
            raise UsageError(f"the record in {part.shown} cannot be read: {error}") from None
        ends.append((part, end))
    yield RunEnded(
        elapsed=max([longest, *(end.elapsed for _, end in ends if end is not None)]),
        stopped=_stopped(ends),
        dropped=sum(end.dropped for _, end in ends if end is not None),
    )


def _first_other(one: ItemsCollected, another: ItemsCollected) -> str:
    differing = sorted({*one.items} ^ {*another.items})
    return differing[0] if differing else "the same ones in another order"


def _stopped(ends: Sequence[tuple[Part, RunEnded | None]]) -> str | None:
    """Why the whole ended before its plan was fulfilled, from why its parts did; None if it did not."""
    reasons: dict[str, list[int]] = {}
    for part, end in ends:
        reason = KILLED if end is None else end.stopped
        if reason is not None:
            reasons.setdefault(reason, []).append(part.number)
    if not reasons:
        return None
    if len(reasons) == 1 and (reason := next(iter(reasons))) in (Stop.DURATION, Stop.ANSWERED):
        return reason
    return "; ".join(
        f"part{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers[:_NAMED]))}: {reason}"
        for reason, numbers in reasons.items()
    )
