"""What is said of fixtures of the session that take most of the time of a pass."""

from flakeproof.engine.messages import Session
from flakeproof.text import short_duration

_MUCH = 0.5
"""The part of a pass that is worth a word."""
_NAMED = 3


def session_note(message: Session) -> str | None:
    """A sentence with the fixtures, the most expensive first; None where they take little of the pass."""
    spent = sum(message.spent.values())
    if spent < _MUCH * message.ns:
        return None
    names = sorted(message.spent, key=lambda name: -message.spent[name])[:_NAMED]
    part, whole = short_duration(spent / 1e9), short_duration(message.ns / 1e9)
    return (
        f"Fixtures of the session take {part} of the {whole} of a pass ({', '.join(names)}), since each fork sets "
        "them up: --session-fixtures once has each process do it before its forks; not for those that hold a thread "
        "or a connection, which forks cannot share"
    )
