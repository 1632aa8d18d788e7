"""The table of all descriptor numbers that Python code has opened: the owner of each, and whether a close is right.

A number is noted after the call that opens it. Before the call that closes it, its owner is marked as closing; after
the call, the owner is forgotten unless the number has a new owner by then. In between, the number still belongs to the
old owner: the garbage collector may run at any time, especially in code like this, and a finaliser may close that very
number. What C code opens or closes is not seen; if an open number is given out again, C code must have closed it.
"""

import errno
from collections import deque
from collections.abc import Callable
from typing import Any

from flakeproof_worker.sanitize.descriptors import messages
from flakeproof_worker.sanitize.descriptors.owners import NOBODY, Owner, OwnershipEnd, Who
from flakeproof_worker.sanitize.sighting import Sighting, Stack
from flakeproof_worker.shared.private import os

_REMEMBERED = 4
"""How many ended ownerships of each number are kept."""


class OwnerTable:
    """Owners by number; calls `note` with each finding."""

    def __init__(
        self, note: Callable[[Sighting], None], current: Callable[[], Who], here: Callable[[int], Stack]
    ) -> None:
        """`current` returns for whom code runs; `here` returns the stack, without its given number of inner frames."""
        self._note = note
        self._current = current
        self._here = here
        self._owners: dict[int, Owner] = {}
        self._things: dict[int, Owner] = {}
        """By the identity of an object, what it owns or owned, until the object closes it, perhaps by its finaliser."""
        self._ended: dict[int, deque[OwnershipEnd]] = {}
        self._opened: dict[int, list[Owner]] = {}
        """What each running trial has opened."""
        self._vain: dict[int, tuple[int, Callable[[Owner], Sighting]]] = {}
        """By number, the last close without a known owner: its moment, and the finding if an owner turns up later."""
        self.moment = 0
        """How often numbers without a known owner were closed."""
        self.active = True
        """False in a fork that the user's code has made."""

    # -- trials

    def begin(self, trial: int) -> None:
        """Begin to keep what `trial` opens."""
        self._opened[trial] = []

    def left_open(self, trial: int) -> list[Owner]:
        """What `trial` has opened and no code has closed."""
        return [owner for owner in self._opened.get(trial, ()) if self.has(owner)]

    def end(self, trial: int) -> None:
        """Forget what `trial` has opened."""
        self._opened.pop(trial, None)

    def has(self, owner: Owner) -> bool:
        """Whether `owner` still owns its number, alone or with another owner."""
        present = self._owners.get(owner.number)
        if present is None or present.closing:
            return False
        while present is not None and present is not owner:
            present = present.previous
        return present is not None

    def look_for_unseen(self, trial: int) -> None:
        """Report descriptors of `trial` that were closed by code that is not watched."""
        for owner in self.left_open(trial):
            try:
                os.fstat(owner.number)
            except OSError:
                if owner.is_bare or owner.claims():
                    self._owners.pop(owner.number, None)
                    self._note(messages.closed_unseen(owner))

    # -- opening

    def opened(
        self, number: int, kind: str, thing: Any = None, name: str = "", *, since: int | None = None, skip: int = 2
    ) -> None:
        """The kernel has given out `number`, to `thing` or as a bare number, at the moment `since` or later."""
        if not self.active:
            return
        stale = self._owners.get(number)
        if stale is not None and not stale.closing:
            self._ended_by(stale, (), NOBODY, 0)  # closed unseen, or the number would not be free
        owner = Owner(number, kind, self._here(skip), self._current(), thing, name)
        self._own(owner)
        if since is not None and since != self.moment:
            self._closed_meanwhile(owner, since)

    def _closed_meanwhile(self, owner: Owner, since: int) -> None:
        """Report if `owner` lost its number, given out after `since`, before the number was noted here.

        This is not rare: noting a number makes objects, so the garbage collector may run and close what it collects.
        """
        moment, finding = self._vain.get(owner.number, (0, None))
        if finding is None or moment <= since:
            return
        try:
            os.fstat(owner.number)
        except OSError:
            self._note(finding(owner))

    def wrapped(self, number: int, kind: str, thing: Any, name: str = "", skip: int = 2) -> None:
        """`thing` has been made of an open number, and will close it."""
        if not self.active:
            return
        owner = Owner(number, kind, self._here(skip), self._current(), thing, name)
        present = self._owners.get(number)
        if present is not None and not present.is_bare and present.identity != owner.identity and present.claims():
            owner.previous = present
        self._own(owner)

    def released(self, number: int, thing: Any, skip: int = 2) -> None:
        """`thing` has released its number, which now belongs to the code that got it."""
        self._things.pop(id(thing), None)
        present = self._owners.get(number)
        if not self.active or present is None:
            return
        own = present.among(id(thing))
        if own is None:
            return
        if own is not present:
            above = present
            while above.previous is not own and above.previous is not None:
                above = above.previous
            above.previous = own.previous
        elif own.previous is not None:
            self._owners[number] = own.previous
        else:
            self._own(Owner(number, "descriptor", self._here(skip), self._current()))

    def _own(self, owner: Owner) -> None:
        self._owners[owner.number] = owner
        if owner.identity:
            self._things[owner.identity] = owner
        opened = self._opened.get(owner.who[0])
        if opened is not None:
            opened.append(owner)

    # -- closing

    def closes(self, number: int, skip: int = 2) -> Owner | None:
        """Code is about to close the bare `number`; return the owner, for `gone` to be called with afterwards."""
        if not self.active:
            return None
        who, stack = self._current(), self._here(skip)
        present = self._owners.get(number)
        earlier = self._had(number, who)
        if present is None:
            self._in_vain(number, lambda victim: messages.closed_by_number(victim, stack, who, earlier))
            return None
        if not present.is_bare or (earlier is not None and present.who != who and present.who[0] and who[0]):
            self._note(messages.closed_by_number(present, stack, who, earlier))
        self._ended_by(present, stack, who, 0)
        return present

    def gone(self, owner: Owner | None) -> None:
        """The number of `owner` has been closed."""
        if owner is not None and self._owners.get(owner.number) is owner:
            del self._owners[owner.number]

    def closes_range(self, low: int, high: int, skip: int = 2) -> None:
        """Code is about to close all open numbers from `low` to below `high`."""
        for number in [number for number in list(self._owners) if low <= number < high]:
            self.gone(self.closes(number, skip + 1))

    def close_failed(self, number: int, error: OSError, skip: int = 2) -> None:
        """The close of a bare number without an owner has failed."""
        if self.active and error.errno == errno.EBADF and (ended := self._ended.get(number)):
            who = self._current()
            before = self._had(number, who) or ended[-1]
            self._note(messages.closed_again(number, self._here(skip), who, before))

    def thing_closes(self, number: int, thing: Any, *, finalises: bool = False, skip: int = 2) -> Owner | None:
        """`thing` is about to close its number; with `finalises`, by its finaliser, which may run anywhere.

        Returns the owner of the number, for `gone` to be called with afterwards.
        """
        if not self.active:
            return None
        who, stack = self._current(), self._here(skip)
        identity = id(thing)
        mine = self._things.pop(identity, None)
        present = self._owners.get(number)
        own = present.among(identity) if present is not None else None
        if present is not None and own is not None:
            if finalises:
                who = own.who
            if present.previous is not None:
                self._note(messages.two_owners(present, own, stack, who, finalises=finalises))
            elif finalises and own.who[0]:
                self._note(messages.left_to_finaliser(own))
            self._ended_by(present, stack, who, identity)
            return present
        origin = None
        if mine is not None and mine.number == number and (past := mine.ended) is not None:
            if finalises:
                who = mine.who
            # Other code may have closed the object's number before, which has been reported then.
            innocent = past.identity != identity and past.owner.previous is None
            if present is not None:
                origin = (past.origin or past) if innocent else None
                self._note(messages.thing_closed_other(mine, present, stack, who, past, origin, finalises=finalises))
            elif not innocent:
                self._note(messages.thing_closed_again(mine, stack, who, past, finalises=finalises))
                self._in_vain(
                    number,
                    lambda victim: messages.thing_closed_other(
                        mine, victim, stack, who, past, None, finalises=finalises
                    ),
                )
        if present is not None:
            self._ended_by(present, stack, who, identity, origin)
        return present

    def _in_vain(self, number: int, finding: Callable[[Owner], Sighting]) -> None:
        self.moment += 1
        self._vain[number] = self.moment, finding

    def _ended_by(
        self, owner: Owner, closed: Stack, who: Who, identity: int, origin: OwnershipEnd | None = None
    ) -> None:
        ended = self._ended.get(owner.number)
        if ended is None:
            ended = self._ended[owner.number] = deque(maxlen=_REMEMBERED)
        record = OwnershipEnd(owner, closed, who, identity, origin)
        ended.append(record)
        holder: Owner | None = owner
        while holder is not None:
            holder.ended = record
            holder = holder.previous
        owner.closing = True

    def _had(self, number: int, who: Who) -> OwnershipEnd | None:
        """The last ended ownership of `number` in which `who` was the owner or closed it."""
        if not who[0]:
            return None
        return next((past for past in reversed(self._ended.get(number, ())) if who in (past.owner.who, past.who)), None)

    # -- use

    def use_failed(self, number: int, error: OSError, skip: int = 2) -> None:
        """A use of the bare `number` has failed with `error`."""
        if self.active and error.errno == errno.EBADF and (ended := self._ended.get(number)):
            who = self._current()
            self._note(messages.used_after(number, self._here(skip), who, self._had(number, who) or ended[-1]))

    def used(self, number: int, skip: int = 2) -> None:
        """The bare `number` is about to be used: it may have come to belong to another owner."""
        present = self._owners.get(number)
        if present is None or not self.active:
            return
        who = self._current()
        if present.who == who or not present.who[0] or not who[0]:
            return
        earlier = self._had(number, who)
        if earlier is not None:
            self._note(messages.used_of_other(present, self._here(skip), who, earlier))
