"""The table of all descriptor numbers that Python code has opened: who owns each, and what is wrong when one is closed.

A number is noted after the call that opens it. Before the call that closes it, its owner is marked as closing, and
after it forgotten, if nobody else has got it by then. In between it is still that owner's: the collector may run at any
time, most of all in code like this, and the finaliser of what it collects may close the very number. What only C code
opens or closes is not seen; a number that turns up again without having been closed shows that it was.
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
"""Ended ownerships that are kept of each number."""


class OwnerTable:
    """Owners by number; `note` is told what is wrong."""

    def __init__(
        self, note: Callable[[Sighting], None], current: Callable[[], Who], here: Callable[[int], Stack]
    ) -> None:
        """`current` tells who runs, `here` where, without as many frames as it is given."""
        self._note = note
        self._current = current
        self._here = here
        self._owners: dict[int, Owner] = {}
        self._things: dict[int, Owner] = {}
        """By the identity of an object, what it owns or has owned, until it closes that; its finaliser may be late."""
        self._ended: dict[int, deque[OwnershipEnd]] = {}
        self._opened: dict[int, list[Owner]] = {}
        """By trial, while it runs."""
        self._vain: dict[int, tuple[int, Callable[[Owner], Sighting]]] = {}
        """By number, the last time that nobody's was closed, and how to tell of it if it was somebody's after all."""
        self.moment = 0
        """So often something was closed that was nobody's, as far as is known."""
        self.active = True
        """False in a copy of the process that code of the user has made."""

    # -- trials

    def begin(self, trial: int) -> None:
        """Keep what `trial` opens."""
        self._opened[trial] = []

    def left_open(self, trial: int) -> list[Owner]:
        """What `trial` has opened and nobody has closed."""
        return [owner for owner in self._opened.get(trial, ()) if self.has(owner)]

    def end(self, trial: int) -> None:
        """Keep no more of `trial`."""
        self._opened.pop(trial, None)

    def has(self, owner: Owner) -> bool:
        """Whether `owner` owns its number still, alone or with another."""
        present = self._owners.get(owner.number)
        if present is None or present.closing:
            return False
        while present is not None and present is not owner:
            present = present.previous
        return present is not None

    def look_for_unseen(self, trial: int) -> None:
        """Tell of what was closed under the hands of `trial` by code that cannot be seen."""
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
        """The kernel has given out `number`, for `thing` or as a bare number; not before the moment `since`."""
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
        """Tell of it if `owner` lost its number, which the kernel gave out after `since`, before it was noted here.

        That is no rare thing: noting it makes objects, which makes the collector run, which closes what it collects.
        """
        moment, told = self._vain.get(owner.number, (0, None))
        if told is None or moment <= since:
            return
        try:
            os.fstat(owner.number)
        except OSError:
            self._note(told(owner))

    def wrapped(self, number: int, kind: str, thing: Any, name: str = "", skip: int = 2) -> None:
        """`thing` has been made of a number that is there, and will close it."""
        if not self.active:
            return
        owner = Owner(number, kind, self._here(skip), self._current(), thing, name)
        present = self._owners.get(number)
        if present is not None and not present.is_bare and present.identity != owner.identity and present.claims():
            owner.previous = present
        self._own(owner)

    def released(self, number: int, thing: Any, skip: int = 2) -> None:
        """`thing` has let go of its number, which is whoever's who has got it."""
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
        """Somebody is about to close the bare `number`; whose it is, to be told to `gone` afterwards."""
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
        """Somebody is about to close all numbers from `low` to below `high` that there are."""
        for number in [number for number in list(self._owners) if low <= number < high]:
            self.gone(self.closes(number, skip + 1))

    def close_failed(self, number: int, error: OSError, skip: int = 2) -> None:
        """The close of a bare number that nobody owned has failed."""
        if self.active and error.errno == errno.EBADF and (ended := self._ended.get(number)):
            who = self._current()
            before = self._had(number, who) or ended[-1]
            self._note(messages.closed_again(number, self._here(skip), who, before))

    def thing_closes(self, number: int, thing: Any, *, finalises: bool = False, skip: int = 2) -> Owner | None:
        """`thing` is about to close its number; by its finaliser, if it `finalises`, which can happen anywhere.

        Returns whose number it is, to be told to `gone` afterwards.
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
            # It may have been closed under its hands, by somebody who has been told of.
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

    def _in_vain(self, number: int, told: Callable[[Owner], Sighting]) -> None:
        self.moment += 1
        self._vain[number] = self.moment, told

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
        """The last time that `number` was that of `who`, or was closed by them."""
        if not who[0]:
            return None
        return next((past for past in reversed(self._ended.get(number, ())) if who in (past.owner.who, past.who)), None)

    # -- use

    def use_failed(self, number: int, error: OSError, skip: int = 2) -> None:
        """The bare `number` was used, and the kernel says `error`."""
        if self.active and error.errno == errno.EBADF and (ended := self._ended.get(number)):
            who = self._current()
            self._note(messages.used_after(number, self._here(skip), who, self._had(number, who) or ended[-1]))

    def used(self, number: int, skip: int = 2) -> None:
        """The bare `number` is used: it may have been another's for a while."""
        present = self._owners.get(number)
        if present is None or not self.active:
            return
        who = self._current()
        if present.who == who or not present.who[0] or not who[0]:
            return
        earlier = self._had(number, who)
        if earlier is not None:
            self._note(messages.used_of_other(present, self._here(skip), who, earlier))
