"""Where a worker process runs, and how much it leaves to others; what it starts inherits both."""

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any


def take_place(order: Mapping[str, Any]) -> None:
    """Take the place that the coordinator's `order` asks for, while this process has but one thread."""
    asked = order["perturbations"]
    if asked.get("cpu_quota"):
        from flakeproof_worker.perturb import cpu_quota

        alone = order["isolation"] == "shared" and order["target"]["kind"] != "command"
        cpu_quota.limit(asked["cpu_quota"], order["lanes"], alone=alone)  # its keeper shares none of the rest
    if asked.get("cpus"):
        pin(asked["cpus"])
    if asked.get("nice"):
        os.nice(asked["nice"])
        be_nice_as_a_session()


def pin(count: int) -> None:
    """Run on `count` of the CPUs that are allowed from now on: those with the lowest numbers, for every process."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def be_nice_as_a_session(pid: int | None = None) -> None:
    """Have the session of the process `pid`, or ours, be as nice as this process is.

    Where the kernel schedules whole sessions (autogroup, sched(7)), niceness has no effect beyond the own one. It
    lets an ordinary user change that but ten times a second.
    """
    path = f"/proc/{pid or os.getpid()}/autogroup"
    with suppress(OSError):  # it schedules processes, or this is one time too many
        descriptor = os.open(path, os.O_WRONLY)
        try:
            os.write(descriptor, b"%d" % os.getpriority(os.PRIO_PROCESS, 0))
        finally:
            os.close(descriptor)
