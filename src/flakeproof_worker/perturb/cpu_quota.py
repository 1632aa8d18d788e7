"""A process that runs tests gets a share of a CPU: by a control group, or by a keeper that stops and continues it.

The keeper does what the kernel's bandwidth control does: who has used up his time in a period stands still until the
next. It is a process of its own, because it must go on when what it looks after stands still, and because it has to
let everything go on whatever happens to the others.
"""

import os
import select
from time import perf_counter_ns
from typing import NoReturn

from flakeproof_worker.system import cgroups
from flakeproof_worker.system.process_tree import Stopped, below, buried_ns, used_ns

_PERIOD_NS = 100_000_000
_LEAST_WAIT_NS = 1_000_000
_LOOKS = 10
"""At what has been used, in the time in which one that computes uses up his allowance; or a few more."""
_FAREWELL_SECONDS = 5.0


def limit(share: float, tests: int, *, alone: bool) -> None:
    """Limit this process, which has but one thread, and all that it starts, to `share` of a CPU for each of `tests`.

    `alone` is whether it runs the tests itself: then it is `share` for all of them together, and it stands still, too.
    """
    whole = share if alone else share * tests
    pid = os.getpid()
    places = cgroups.own_folder()
    group = None if places is None else cgroups.make(places, str(pid), whole)
    if group is not None and not cgroups.enter(group, pid):
        cgroups.remove(group)
        group = None
    home = places[1] if places is not None else ""
    ended = os.pidfd_open(pid)
    # Twice: the keeper must not be a child of ours, which tests could wait for, or count.
    if (between := os.fork()) == 0:
        os.setsid()
        if os.fork() == 0:
            if group is not None:
                cgroups.enter(home, os.getpid())  # it is to see the group empty
            _keep(ended, pid, group, whole, alone=alone)
        os._exit(0)
    os.waitpid(between, 0)
    os.close(ended)


def _keep(ended: int, pid: int, group: str | None, share: float, *, alone: bool) -> NoReturn:
    try:
        _let_go_of_descriptors(ended)
        if group is None:
            Keeper(pid, ended, share, alone=alone).run()
        else:
            _see_it_off(ended, group)
    finally:
        os._exit(0)


def _let_go_of_descriptors(kept: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    os.closerange(3, kept)
    os.closerange(kept + 1, max(nothing, os.sysconf("SC_OPEN_MAX")))


def _see_it_off(ended: int, group: str) -> None:
    """Remove the group when it is empty; one that stays is removed by the next run."""
    select.select([ended], [], [])
    cgroups.lift(group)
    deadline = perf_counter_ns() + int(_FAREWELL_SECONDS * 1e9)
    while not cgroups.remove(group) and perf_counter_ns() < deadline:
        select.select([], [], [], 0.01)


class Keeper:
    """Has a process, and all below it, use no more than a share of a CPU.

    What is cut loose from the tree is not looked after, and what it has used is forgotten.
    """

    def __init__(self, pid: int, ended: int, share: float, *, alone: bool) -> None:
        """`ended` can be read from when the process `pid` has ended. Without `alone` it goes on itself, always."""
        self._pid = pid
        self._ended = ended
        self._alone = alone
        self._allowance = int(share * _PERIOD_NS)
        self._least_wait = max(_LEAST_WAIT_NS, self._allowance // _LOOKS)
        self._cpus = len(os.sched_getaffinity(0))
        self._total = self._used()

    def run(self) -> None:
        """Do so until it ends, and leave nothing standing still."""
        stopped = Stopped()
        left, period_ends = self._allowance, perf_counter_ns() + _PERIOD_NS
        try:
            while not self._has_ended(self._wait_for(left, period_ends)):
                before, self._total = self._total, self._used()
                left = min(self._allowance, left - (self._total - before))
                if (late := perf_counter_ns() - period_ends) >= 0:
                    periods = 1 + late // _PERIOD_NS
                    period_ends += periods * _PERIOD_NS
                    # What was used beyond the allowance is paid back; what was not used is lost.
                    left = min(self._allowance, left + periods * self._allowance)
                    if left > 0:
                        stopped.let_go_on()
                if left <= 0:
                    self._stop(stopped)
        finally:
            stopped.let_go_on()

    def _wait_for(self, left: int, period_ends: int) -> int:
        """Nanoseconds to the next look: not before all that is left can have been used up."""
        rest = max(0, period_ends - perf_counter_ns())
        if left <= 0 and self._alone:
            return rest  # nothing moves
        return min(rest, max(self._least_wait, left // self._cpus))

    def _has_ended(self, nanoseconds: int) -> bool:
        return bool(select.select([self._ended], [], [], nanoseconds / 1e9)[0])

    def _stop(self, stopped: Stopped) -> None:
        if self._alone:
            stopped.stop(self._pid)
        for pid in below(self._pid):  # a parent that stands still has no further children
            stopped.stop(pid)

    def _used(self) -> int:
        """Nanoseconds that were computed so far by all that are there, and by those that they have buried."""
        own = used_ns(self._pid) if self._alone else buried_ns(self._pid)
        return own + sum(map(used_ns, below(self._pid)))
