"""The order of the tests in one trial of a recorded run."""

from pathlib import Path

import msgspec

from flakeproof.errors import UsageError
from flakeproof.events import ItemsCollected, TrialFailed
from flakeproof.model import PytestTarget, RunSpec
from flakeproof.store.log import read_events
from flakeproof.store.spec_file import read_spec
from flakeproof.text import parse_whole


def recorded_order(folder: Path, trial: str) -> tuple[RunSpec, int, list[str]]:
    """How that run ran, so that it begins with this trial; the number of the trial; what pytest had collected then.

    Raises UsageError.
    """
    try:
        spec = read_spec(folder)
    except UsageError as error:
        raise UsageError(f"--from {folder.name}: {error.message}", error.remedy) from None
    if not isinstance(spec.target, PytestTarget):
        raise UsageError(f"--from {folder.name}: it ran {spec.target.name}, which is no test of pytest")
    try:
        number = parse_whole(trial, spec.first, 2**62)
    except ValueError as error:
        raise UsageError(f"--from {folder.name} {trial}: {error}") from None
    items: list[str] = []
    process = spec.first_process
    for event in read_events(folder):
        if isinstance(event, ItemsCollected) and not items:
            items = event.items
        if isinstance(event, TrialFailed) and event.failure.trial == number:
            process = event.failure.process
            break
    if not items:
        raise UsageError(f"--from {folder.name}: it does not say what pytest had collected", "name another run")
    return msgspec.structs.replace(spec, first=number, first_process=process), number, items
