"""Which of the collected tests somebody means: one by its name, or those of a recorded run in their order."""

import difflib
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from flakeproof.errors import UsageError
from flakeproof.events import ItemsCollected, TrialFailed
from flakeproof.model import PytestTarget, RunSpec
from flakeproof.store.log import read_events
from flakeproof.store.spec_file import read_spec
from flakeproof.text import parse_whole

_SHOWN = 5


def named(name: str, items: Sequence[str], folder: str, what: str = "the victim") -> str:
    """The id of the test that is called `name`, as pytest shows it or as one types it in `folder`.

    Raises UsageError for none and for several.
    """
    if name in items:
        return name
    path, colons, rest = name.partition("::")
    typed = os.path.normpath(path) + colons + rest
    fitting = [item for item in items if item == typed or typed.endswith(f"/{item}") or item.endswith(f"/{typed}")]
    if len(fitting) == 1:
        return fitting[0]
    versions = [item for item in items if item.startswith((f"{name}[", f"{typed}["))]
    inside = versions or fitting or [item for item in items if item.startswith((f"{name}::", f"{typed}::"))]
    if inside:
        more = f" and {len(inside) - _SHOWN} more" if len(inside) > _SHOWN else ""
        raise UsageError(
            f"{what} {name!r} is {len(inside)} tests: {', '.join(inside[:_SHOWN])}{more}", "name one of them"
        )
    near = difflib.get_close_matches(name, items, n=3, cutoff=0.5)
    raise UsageError(
        f"{what} {name!r} is not among the {len(items)} tests that pytest has collected",
        f"did you mean {' or '.join(near)}?" if near else f"the first of them is {items[0]}" if items else "",
    )


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
