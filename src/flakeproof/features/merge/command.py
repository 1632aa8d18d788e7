"""Put the parts of a run or a comparison together: one record, one verdict, as if one machine had run it."""

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
from flakeproof.features.compare.recorded_comparison import read_pairs
from flakeproof.features.compare.records import AnyComparisonEvent, ComparisonEnded, PairEnded, PairsClean
from flakeproof.features.compare.report_command import comparison_files, recorded_comparison
from flakeproof.features.compare.session import print_results, renderers
from flakeproof.features.merge.parts import ComparisonPart, Part, find_comparisons, find_parts, given_places
from flakeproof.features.run.earlier import summary_of
from flakeproof.features.run.session import RunSession
from flakeproof.model import RunSpec
from flakeproof.reports.files import report_files
from flakeproof.reports.presentation import Presentation
from flakeproof.settings.from_options import options_in, settings
from flakeproof.settings.load import Config
from flakeproof.store.file import GrowingFile, as_json
from flakeproof.store.folder import RunFolder, store_of
from flakeproof.store.log import LOG_NAME, read_events
from flakeproof.store.spec_file import PAIRS_NAME, is_ours, write_spec
from flakeproof.text import plural

_NAMED = 10


def merge_records(places: Sequence[str], given: Mapping[str, Any]) -> int:
    """Merge the parts in `places` into a run of its own, print and report it, return its exit code.

    Raises UsageError for what cannot be merged; then nothing is left behind.
    """
    config = settings(options_in(given))
    with tempfile.TemporaryDirectory(prefix="flakeproof-merge-") as temporary:
        found = given_places([Path(place) for place in places], Path(temporary))
        if comparisons := find_comparisons(found):
            return _merge_comparisons(comparisons, config)
        return _merge_runs(find_parts(found), config)


def _merge_runs(parts: Sequence[Part], config: Config) -> int:
    files = report_files(config)
    files.prepare()
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
    session.note(_merged(parts))
    if missing := _missing(parts):
        session.warn(missing)
    summary = summary_of(folder.path)
    session.print_results(summary)
    return session.finish(summary)


def _merge_comparisons(parts: Sequence[ComparisonPart], config: Config) -> int:
    files = comparison_files(config)
    files.prepare()
    store = store_of(config)
    folders = [store.new_run()]
    try:
        folders += [store.new_run(becomes_latest=False) for _ in parts[0].arms]
        for arm, folder in enumerate(folders[1:]):
            _write([part.arms[arm] for part in parts], folder)
        _write_pairs(parts, folders)
    except BaseException:
        for folder in reversed(folders):
            store.discard(folder)
        raise
    for folder in folders:
        folder.close()
    store.prune(config.value("keep-runs"))
    presentation = Presentation(files)
    with presentation.running():
        presentation.note(_merged(parts))
        if missing := _missing(parts):
            presentation.warn(missing)
        summary = recorded_comparison(folders[0].path)
        print_results(summary, presentation)
    return presentation.finish(summary.exit_code, renderers(summary))


def _write_pairs(parts: Sequence[ComparisonPart], folders: Sequence[RunFolder]) -> None:
    """Write the record of the whole comparison: the pairs of all parts, in the order of their numbers.

    The evidence of a comparison holds at every moment. One part after the other is one sequence of pairs, in which each
    part ends by what has happened in it alone: so the evidence holds at the end of it, too.
    """
    first = parts[0].started
    arms = [
        msgspec.structs.replace(arm, spec=_whole([part.arms[index] for part in parts]))
        for index, arm in enumerate(first.spec.arms)
    ]
    most = [part.started.spec.most_trials for part in parts]
    spec = msgspec.structs.replace(
        first.spec,
        arms=(arms[0], arms[1]),
        most_trials=None if None in most else sum(count or 0 for count in most),
        first_pair=1,
        carried=0,
        shard=None,
        is_merged=True,
    )
    whole, *of_arms = folders
    problem: list[OSError] = []
    file = GrowingFile(whole.path / PAIRS_NAME, problem.append, buffer=1 << 16)
    started = msgspec.structs.replace(
        first,
        run_id=whole.path.name,
        at=min(part.started.at for part in parts),
        machine="",
        spec=spec,
        runs=[folder.path.name for folder in of_arms],
    )
    file.write(as_json(started) + b"\n")
    ends: list[tuple[int, str | None]] = []
    elapsed = 0.0
    for part in parts:
        reason: str | None = KILLED
        for event in _pairs(part):
            if isinstance(event, ComparisonEnded):
                reason, elapsed = event.stopped, max(elapsed, event.elapsed)
            elif isinstance(event, PairEnded | PairsClean):
                file.write(as_json(event) + b"\n")
        ends.append((part.number, reason))
    file.write(as_json(ComparisonEnded(elapsed=elapsed, stopped=_stopped(ends))) + b"\n")
    file.close()
    if problem:
        raise UsageError(f"{whole.path / PAIRS_NAME} cannot be written: {problem[0].strerror}", "make room")


def _pairs(part: ComparisonPart) -> Iterator[AnyComparisonEvent]:
    try:
        yield from read_pairs(part.folder)
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"the record in {part.shown} cannot be read: {error}") from None


def _merged(parts: Sequence[Part] | Sequence[ComparisonPart]) -> str:
    return f"{plural(len(parts), 'part')} of {parts[0].shard[1]} merged, from {_machines(parts)}"


def _machines(parts: Sequence[Part] | Sequence[ComparisonPart]) -> str:
    names = list(dict.fromkeys(part.machine or "a machine without a name" for part in parts))
    return plural(len(names), "machine") if len(names) > 1 else names[0]


def _missing(parts: Sequence[Part] | Sequence[ComparisonPart]) -> str:
    """`parts 4 and 7 of 20 are missing; …`, or ""."""
    total = parts[0].shard[1]
    gone = sorted({*range(1, total + 1)} - {part.number for part in parts})
    if not gone:
        return ""
    names = [str(number) for number in gone[:_NAMED]]
    if len(gone) > _NAMED:
        names.append(f"{len(gone) - _NAMED} more")
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    are = "s {} of {} are" if len(gone) > 1 else " {} of {} is"
    return f"part{are.format(listed, total)} missing; what follows is about the others"


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
    ends: list[RunEnded] = []
    reasons: list[tuple[int, str | None]] = []
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
        if end is not None:
            ends.append(end)
        reasons.append((part.number, KILLED if end is None else end.stopped))
    yield RunEnded(
        elapsed=max([longest, *(end.elapsed for end in ends)]),
        stopped=_stopped(reasons),
        dropped=sum(end.dropped for end in ends),
    )


def _first_other(one: ItemsCollected, another: ItemsCollected) -> str:
    differing = sorted({*one.items} ^ {*another.items})
    return differing[0] if differing else "the same ones in another order"


def _stopped(ends: Sequence[tuple[int, str | None]]) -> str | None:
    """Why the whole ended before its plan was fulfilled, from why its parts did, by number; None if it did not."""
    reasons: dict[str, list[int]] = {}
    for number, reason in ends:
        if reason is not None:
            reasons.setdefault(reason, []).append(number)
    if not reasons:
        return None
    if len(reasons) == 1 and (reason := next(iter(reasons))) in (Stop.DURATION, Stop.ANSWERED):
        return reason
    return "; ".join(
        f"part{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers[:_NAMED]))}: {reason}"
        for reason, numbers in reasons.items()
    )
