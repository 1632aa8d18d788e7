"""An earlier run, read from its record: what came of it, what is missing, and whether its target may be run."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from flakeproof.errors import KILLED, RUNNING, NothingToRunError, Stop, UsageError
from flakeproof.model import CommandTarget, PytestTarget, RunSpec
from flakeproof.reports.foreign import line_shown
from flakeproof.results.failure_positions import Block
from flakeproof.results.history import History
from flakeproof.results.summary import Summary, summarize
from flakeproof.store.folder import is_being_written
from flakeproof.store.log import LOG_NAME, drop_uncertain, read_events
from flakeproof.store.spec_file import arms_of, bisected_in, is_ours, read_spec
from flakeproof.text import number, shown_path

_CAN_GO_ON = {Stop.INTERRUPTED, Stop.TERMINATED, Stop.GIVEN_UP, None}


def spec_of(folder: Path, what: str) -> RunSpec:
    """The specification of the run in `folder`, of which the user wants `what`. Raises UsageError."""
    if (arms := arms_of(folder)) is not None:
        raise UsageError(
            f"{folder.name} is a comparison, whose arms are runs of their own",
            "; ".join(f"{arm.name}: flakeproof {what.format(run=arm.run)}" for arm in arms),
        )
    if bisected_in(folder) is not None:
        raise UsageError(f"{folder.name} is a bisection", f"flakeproof bisect --replay {folder.name} tells it again")
    return read_spec(folder)


def searched_in(folder: Path) -> str | None:
    """What is compared or bisected, if the record is that of such a search; None for a run."""
    if (bisected := bisected_in(folder)) is not None:
        return f"bisection of {bisected}"
    arms = arms_of(folder)
    return None if arms is None else "comparison of " + " and ".join(f"{arm.name} {arm.target}" for arm in arms)


def history_of(folder: Path) -> History:
    """What has happened in the run. Raises UsageError for a record that is none."""
    history = History()
    try:
        for event in read_events(folder):
            history.add(event)
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"the record in {folder / LOG_NAME} cannot be read: {error}") from None
    if history.spec is None:
        raise UsageError(
            f"the record in {folder / LOG_NAME} has no beginning", "the run was killed before its first test"
        )
    return history


def summary_of(folder: Path) -> Summary:
    """What came out of it; so far, if it has not ended. Raises UsageError."""
    running = is_being_written(folder)
    history = history_of(folder)
    unfinished = "" if history.ended else RUNNING if running else KILLED
    return summarize(history, str(folder), unfinished=unfinished)


@dataclass(frozen=True)
class Rest:
    """The trials of a run that have not run yet."""

    history: History
    """Everything that is recorded of the run."""
    missing: list[Block] | None
    """Trials, in order, if they are numbered beforehand; None where only a time ends the run …"""
    gaps: list[Block]
    """… then those that come first, and before `first`."""
    first: int


def rest_of(folder: Path) -> Rest:
    """What is to be run to complete the run in `folder`.

    Raises UsageError where that cannot be known, NothingToRunError where it is complete.
    """
    spec = spec_of(folder, "run --resume {run}")
    if is_being_written(folder):
        raise UsageError(f"the run {folder.name} is still going on", "wait for its end, or end it: Ctrl-C, or kill")
    if spec.drop_failed:
        raise UsageError(
            f"the run {folder.name} has left out tests that had failed (--drop-failed), and cannot go on from there",
            "start it anew",
        )
    if spec.on is not None:
        raise UsageError(
            f"the run {folder.name} was on a cluster ({spec.on}), and such a run cannot go on",
            f"start it anew with the same seed: --seed {spec.seed}",
        )
    try:
        drop_uncertain(folder)
    except OSError as error:
        raise UsageError(f"the record in {folder} cannot be written: {error.strerror}") from None
    history = history_of(folder)
    if history.total != len(history.done):
        raise UsageError(
            f"the record of {folder.name} does not tell which of its tests have run: of {number(history.total)} it "
            f"knows the numbers of {number(len(history.done))}",
            "start it anew with the same --seed",
        )
    if history.finding is not None or history.stopped not in _CAN_GO_ON:
        raise NothingToRunError(f"nothing is missing of {folder.name}: {history.stopped or 'its question is answered'}")
    if spec.max_failures is not None and history.failed >= spec.max_failures:
        raise NothingToRunError(f"nothing is missing of {folder.name}: it has failed as often as it may")
    if spec.chosen:
        missing: list[Block] | None = [(trial, 1) for trial in spec.chosen if trial not in history.done]
    elif spec.count is not None:
        missing = list(history.done.missing(spec.first, spec.first + spec.count))
    else:
        missing = None
    if missing == []:
        raise NothingToRunError(
            f"nothing is missing of {folder.name}: all of its {number(history.total)} tests have run"
        )
    first = max(spec.first, history.done.end)
    return Rest(history, missing, list(history.done.missing(spec.first, first)), first)


def ask_for_trust(folder: Path, spec: RunSpec, *, trusted: bool) -> None:
    """Return where what `spec` says may be run: the record in `folder` is ours, `trusted`, or the user says so.

    Raises UsageError where it may not.
    """
    if trusted or is_ours(folder):
        return
    what = (
        f"the record in {shown_path(str(folder))} was not written by you on this machine, or has been changed; "
        f"it would run, in {spec.target.folder}: {_what(spec)}"
    )
    if sys.stdin.isatty() and sys.stderr.isatty():
        print(line_shown(f"{what[0].upper()}{what[1:]}"), file=sys.stderr)
        print("Run it? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            return
        raise UsageError("nothing was run")
    raise UsageError(what, "if you trust it, add --trust")


def _what(spec: RunSpec) -> str:
    """What would be executed, and not what it is called."""
    target = spec.target
    around = [f"{name}={value}" for name, value in target.environment.items()]
    match target:
        case CommandTarget():
            return (
                f"{shlex.join([*around, target.program, *target.argv[1:]])} (started by {shlex.quote(target.python)})"
            )
        case PytestTarget():
            return shlex.join([*around, target.python, "-m", "pytest", *target.options, *target.arguments])
    return f"{shlex.join([*around, target.python])}, which imports {target.module} for {target.attribute}"
