"""Messages that say what is wrong with a descriptor: both sides of the conflict, the line to blame first."""

from flakeproof_worker.sanitize import sighting
from flakeproof_worker.sanitize.descriptors.owners import Owner, OwnershipEnd, Who
from flakeproof_worker.sanitize.sighting import Sighting, SightingPart, Stack

_SANITIZER = "descriptors"


def closed_by_number(owner: Owner, stack: Stack, who: Who, earlier: OwnershipEnd | None) -> Sighting:
    """Code has closed `owner`'s descriptor by its number; `earlier` is when that code itself owned the number."""
    parts = [_part("closed", stack, who), _opening(owner)]
    stranger = owner.who != who
    text = f"descriptor {owner.number} ({_opened(owner)}) was closed {_at(stack, who)} by its number"
    if earlier is not None and stranger:
        text += f", {_already(earlier, who, parts)}"
    elif not stranger:
        text += f": the {owner.kind} still has it, and closes whatever has the number when its turn comes"
    kind = "closed a descriptor that belongs to somebody else" if stranger else "closed behind the back of its owner"
    return Sighting(_SANITIZER, kind, owner.kind, text, tuple(parts))


def closed_again(number: int, stack: Stack, who: Who, before: OwnershipEnd) -> Sighting:
    """A number was closed that no longer has an owner."""
    parts = [_part("closed", stack, who)]
    text = f"descriptor {number} was closed {_at(stack, who)}, {_already(before, who, parts)}"
    return Sighting(_SANITIZER, "closed twice", before.owner.kind, text, tuple(parts))


def two_owners(present: Owner, closer: Owner, stack: Stack, who: Who, *, finalises: bool) -> Sighting:
    """One of two objects with the same number has closed it."""
    first = present.previous
    assert first is not None
    how = f"the finaliser of the {closer.kind}" if finalises else f"the {closer.kind}"
    text = (
        f"descriptor {present.number} has two owners: {_opened(first)}, and the {present.kind} object made of its "
        f"number {_at(present.made, present.who)}; {how} has closed it {_at(stack, who)}, the other one will close "
        "whatever has the number then"
    )
    parts = (_part("made of its number", present.made, present.who), _opening(first), _part("closed", stack, who))
    return Sighting(_SANITIZER, "two owners", first.kind, text, parts)


def thing_closed_again(mine: Owner, stack: Stack, who: Who, past: OwnershipEnd, *, finalises: bool) -> Sighting:
    """An object has closed its number although that was closed already."""
    parts = [_guilty(mine, stack, who, finalises=finalises)]
    text = f"descriptor {mine.number} was closed {_by(mine, stack, who, finalises)}, {_already(past, who, parts)}"
    return Sighting(_SANITIZER, "closed twice", mine.kind, text, tuple(parts))


def thing_closed_other(
    mine: Owner,
    victim: Owner,
    stack: Stack,
    who: Who,
    past: OwnershipEnd,
    origin: OwnershipEnd | None,
    *,
    finalises: bool,
) -> Sighting:
    """An object has closed its number, which had come to belong to another owner.

    `origin` is the first wrong close in the chain that took the number from the object; None if the object itself is to
    blame.
    """
    parts = [_guilty(mine, stack, who, finalises=finalises), _opening(victim)]
    if origin is not None and origin.closed:
        parts.insert(0, _part("closed", origin.closed, origin.who))
    text = (
        f"descriptor {mine.number} ({_opened(victim)}) was closed {_by(mine, stack, who, finalises)}, "
        f"{_already(past, who, parts)}"
    )
    if origin is not None and origin is not past and origin.closed:
        text += f", which goes back to a close {_at(origin.closed, origin.who)}"
    return Sighting(_SANITIZER, "closed a descriptor that belongs to somebody else", victim.kind, text, tuple(parts))


def left_to_finaliser(owner: Owner) -> Sighting:
    """An object was never closed explicitly, only by its finaliser when it was collected."""
    text = f"descriptor {owner.number} ({_opened(owner)}) was closed by its finaliser only"
    return Sighting(_SANITIZER, "left to its finaliser", owner.kind, text, (_opening(owner),))


def closed_unseen(owner: Owner) -> Sighting:
    """A descriptor is gone although no Python code has closed it."""
    text = f"descriptor {owner.number} ({_opened(owner)}) was closed by code that Python does not see"
    return Sighting(_SANITIZER, "closed unseen", owner.kind, text, (_opening(owner),))


def used_after(number: int, stack: Stack, who: Who, before: OwnershipEnd) -> Sighting:
    """A number was used that no longer has an owner."""
    parts = [_part("used", stack, who)]
    text = f"descriptor {number} was used {_at(stack, who)}, {_already(before, who, parts)}"
    return Sighting(_SANITIZER, "used after it was closed", before.owner.kind, text, tuple(parts))


def used_of_other(owner: Owner, stack: Stack, who: Who, earlier: OwnershipEnd) -> Sighting:
    """A number was used that belongs to another owner by now."""
    parts = [_part("used", stack, who), _opening(owner)]
    text = f"descriptor {owner.number} ({_opened(owner)}) was used {_at(stack, who)}, {_already(earlier, who, parts)}"
    return Sighting(_SANITIZER, "used a descriptor that belongs to somebody else", owner.kind, text, tuple(parts))


def _opening(owner: Owner) -> SightingPart:
    return _part("opened", owner.made, owner.who)


def _opened(owner: Owner) -> str:
    return f"{owner.described()} opened {_at(owner.made, owner.who)}"


def _guilty(mine: Owner, stack: Stack, who: Who, *, finalises: bool) -> SightingPart:
    """The line to blame; since a finaliser may run anywhere, for a finaliser it is the line that made the object."""
    return _part("made", mine.made, mine.who) if finalises else _part("closed", stack, who)


def _by(mine: Owner, stack: Stack, who: Who, finalises: bool) -> str:
    if finalises:
        return f"by the finaliser of the {mine.kind} object made {_at(mine.made, mine.who)}"
    return f"{_at(stack, who)} by the {mine.kind} object made {_at(mine.made, mine.who)}"


def _already(past: OwnershipEnd, who: Who, parts: list[SightingPart]) -> str:
    """`which had already been closed at …`, with the place among the `parts`."""
    if not past.closed:
        return f"where its number had been that of {_opened(past.owner)}"
    parts.append(_part("closed before", past.closed, past.who))
    same = past.who == who
    if same:
        return f"which had already closed it at {_line(past.closed)}"
    return f"although it had already been closed {_at(past.closed, past.who)}"


def _part(role: str, stack: Stack, who: Who) -> SightingPart:
    return SightingPart(role, sighting.places(stack), *who)


def _at(stack: Stack, who: Who) -> str:
    return sighting.at(sighting.places(stack), who)


def _line(stack: Stack) -> str:
    return sighting.line(sighting.places(stack))
