"""Run one trial of a recorded run again."""

import msgspec

from flakeproof.cli.session import perform, settings, store_of
from flakeproof.errors import UsageError
from flakeproof.model import RunSpec
from flakeproof.reports.details import failure_details
from flakeproof.store.log import SPEC_NAME


def replay_trial(run: str, trial: str, store: str | None) -> int:
    """Run it; return the exit code. Raises UsageError."""
    config = settings({"store": store})
    folder = store_of(config).find(run)
    try:
        spec = msgspec.json.decode((folder / SPEC_NAME).read_bytes(), type=RunSpec)
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"the run in {folder} cannot be replayed: {error}") from None
    number = _number(trial, spec)
    again = msgspec.structs.replace(
        spec, first=number, count=1, duration=None, workers=1, processes=1, max_failures=None, ci_rate=None
    )
    summary = perform(again, config)
    for found in summary.signatures:
        for line in failure_details(found.example):
            print(line)
    return summary.exit_code


def _number(text: str, spec: RunSpec) -> int:
    last = None if spec.count is None else spec.first + spec.count - 1
    try:
        number = int(text.replace(",", ""))
    except ValueError:
        raise UsageError(f"{text!r} is not the number of a test") from None
    if number < spec.first or (last is not None and number > last):
        raise UsageError(f"the run has no test {number}", f"its tests are {spec.first} to {last or '…'}")
    return number
