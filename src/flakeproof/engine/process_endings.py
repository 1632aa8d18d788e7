"""How trials and processes end, as public events and in words."""

import signal

from flakeproof.engine.messages import Ended
from flakeproof.events import AnyEvent, TrialLeaked, TrialLost, TrialPassed, TrialSkipped
from flakeproof.model import Outcome


def event_of(message: Ended, process: int) -> AnyEvent:
    """What is told of a trial that was reported by itself and has not failed."""
    match message.outcome:
        case Outcome.PASSED:
            return TrialPassed(trial=message.trial, items=message.items)
        case Outcome.SKIPPED:
            return TrialSkipped(trial=message.trial, reason=message.reason, items=message.items)
        case Outcome.LEAKED:
            return TrialLeaked(
                trial=message.trial,
                process=process,
                reason=message.reason,
                duration=message.ns / 1e9,
                items=message.items,
            )
    return TrialLost(trial=message.trial, reason=message.reason)


def status_text(status: int) -> str:
    """`exit status 3`, or the name of the signal for the negative of its number."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
