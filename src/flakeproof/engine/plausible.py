"""Check whether a message of a worker process is possible: a test may write to the socket that carries messages.

A test that forges possible messages cannot be detected, because it runs in the process that reports on it. But no more
trials can be counted than were leased, and no message makes the dispatcher fail.
"""

from typing import TYPE_CHECKING

import msgspec

from flakeproof.engine.messages import (
    Bye,
    Passed,
    Ready,
    Relayed,
    SessionFixtures,
    SightingsReported,
    TrialEnded,
    Unloadable,
    Used,
    WorkerMessage,
)

if TYPE_CHECKING:
    from flakeproof.engine.process import WorkerProcess

_LANES = frozenset({"inline", "threads", "tasks", "commands", "forks", "fresh", "pytest_passes"})
_HIGHEST_BUCKET = 1_200
"""Highest bucket of durations, about a thousand years (`flakeproof_worker.shared.durations`)."""
_MOST_NANOSECONDS = 2**63
_NUMBERS = range(-(2**31), 2**31)


class _Raised(msgspec.Struct):
    """The form of an exception as `flakeproof_worker.failure.describe` makes it."""

    type: str
    message: str
    frames: list[tuple[str, int, str]]
    errno: str = ""
    cause: "_Raised | None" = None
    inner: "list[_Raised]" = []


def is_possible(message: WorkerMessage, process: "WorkerProcess") -> bool:
    """Whether `process` can have sent `message`, after its leases and its earlier messages."""
    match message:
        case Ready():
            return not process.ready and message.lanes in _LANES
        case Unloadable():
            return not process.ready
        case Passed():
            return process.ready and _can_have_passed(message, process)
        case TrialEnded():
            return process.ready and _can_have_ended(message, process)
        case SightingsReported() | Relayed() | SessionFixtures() | Used() | Bye():
            return process.ready


def _can_have_passed(message: Passed, process: "WorkerProcess") -> bool:
    account = process.account
    return (
        0 <= message.leases <= account.leases
        and 0 <= message.count <= process.taken - account.reported
        and sum(count for _, count in message.durations) == message.count
        and all(0 <= bucket <= _HIGHEST_BUCKET and count >= 0 for bucket, count in message.durations)
    )


def _can_have_ended(message: TrialEnded, process: "WorkerProcess") -> bool:
    account = process.account
    numbers = (message.signal or 0, message.exit_code or 0)
    return (
        account.can_have([message.trial])
        and not account.has_ended(message.trial)
        and account.reported < process.taken
        and 0 <= message.ns < _MOST_NANOSECONDS
        and all(number in _NUMBERS for number in numbers)
        and all(_describes(one) for one in (message.failure, *(one.failure for one in message.further)))
    )


def _describes(failure: object) -> bool:
    try:
        msgspec.convert(failure, _Raised | None)
    except (msgspec.ValidationError, RecursionError):
        return False
    return True
