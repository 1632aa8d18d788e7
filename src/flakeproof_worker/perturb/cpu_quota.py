"""Limit a process that runs tests to a share of a CPU: by a control group, or by a keeper that stops and continues it.

The keeper works like the kernel's bandwidth control: a process that has used up its time in a period is stopped until
the next period. The keeper is a process of its own, because it must run while the processes that it limits are stopped,
and must continue them whatever happens to the others.
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
"""How often, at least, the used time is read while one busy process uses up its allowance."""
_FAREWELL_SECONDS = 5.0


def limit(share: float, tests: int, *, alone: bool) -> None:
    """Limit this single-threaded process and all processes that it starts to `share` of a CPU for each of `tests`.

    `alone` is whether this process runs the tests itself: then `share` is for all of them together, and this process is
    stopped, too.
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
    # Fork twice: the keeper must not be a child of this process, which tests could wait for, or count.
    if (between := os.fork()) == 0:
        os.setsid()
        if os.fork() == 0:
            if group is not None:
                cgroups.enter(home, os.getpid())  # the keeper leaves the group, which must become empty
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
    """Remove the group when it is empty; a group that stays is removed by the next run."""
    select.select([ended], [], [])
    cgroups.lift(group)
    deadline = perf_counter_ns() + int(_FAREWELL_SECONDS * 1e9)
    while not cgroups.remove(group) and perf_counter_ns() < deadline:
        select.select([], [], [], 0.01)


class Keeper:
    """Limits a process and its descendants to a share of a CPU.

    Processes that detach themselves from the tree are not limited, and the time that they have used is not counted.
    """

    def __init__(self, pid: int, ended: int, share: float, *, alone: bool) -> None:
        """`ended` becomes readable when the process `pid` has ended. Only with `alone` is `pid` itself stopped."""
        self._pid = pid
        self._ended = ended
        self._alone = alone
        self._allowance = int(share * _PERIOD_NS)
        self._least_wait = max(_LEAST_WAIT_NS, self._allowance // _LOOKS)
        self._cpus = len(os.sched_getaffinity(0))
        self._total = self._used()

    def run(self) -> None:
        """Limit the processes until `pid` ends, and leave none of them stopped."""
        stopped = Stopped()
        left, period_ends = self._allowance, perf_counter_ns() + _PERIOD_NS
        try:
            while not self._has_ended(self._wait_for(left, period_ends)):
                before, self._total = self._total, self._used()
                left = min(self._allowance, left - (self._total - before))
                if (late := perf_counter_ns() - period_ends) >= 0:
                    periods = 1 + late // _PERIOD_NS
                    period_ends += periods * _PERIOD_NS
                    # Time used beyond the allowance is paid back; unused time is lost.
                    left = min(self._allowance, left + periods * self._allowance)
                    if left > 0:
                        stopped.let_go_on()
                if left <= 0:
                    self._stop(stopped)
        finally:
            stopped.let_go_on()

    def _wait_for(self, left: int, period_ends: int) -> int:
        """Nanoseconds to the next reading: no earlier than the rest of the allowance can have been used up."""
        rest = max(0, period_ends - perf_counter_ns())
        if left <= 0 and self._alone:
            return rest  # every process is stopped
        return min(rest, max(self._least_wait, left // self._cpus))

    def _has_ended(self, nanoseconds: int) -> bool:
        return bool(select.select([self._ended], [], [], nanoseconds / 1e9)[0])

    def _stop(self, stopped: Stopped) -> None:
        if self._alone:
            stopped.stop(self._pid)
        for pid in below(self._pid):  # a stopped parent starts no further children
            stopped.stop(pid)

    def _used(self) -> int:
        """CPU time (nanoseconds) used so far by all existing processes, and by the children that they have reaped."""
        own = used_ns(self._pid) if self._alone else buried_ns(self._pid)
        return own + sum(map(used_ns, below(self._pid)))
