"""Show a trial the number of its slot, in the way of pytest-xdist, so that trials that run at once do not collide.

A suite that makes a database, a folder or a port for each worker of xdist then makes one for each trial that runs at
once. If one trial runs at a time, nothing is set, as in plain pytest, where the fixture `worker_id` is `master`.
"""

from collections.abc import Mapping
from typing import Any

WORKER = "PYTEST_XDIST_WORKER"
COUNT = "PYTEST_XDIST_WORKER_COUNT"
_PREFIX = "gw"


def name_of(slot: int) -> str:
    """The name of a slot, such as `gw3`."""
    return f"{_PREFIX}{slot}"


def variables(slot: int, slots: Mapping[str, int]) -> dict[str, str]:
    """Variables for the trial in this slot; `slots` is the result of `of_process`, which may be empty."""
    return {WORKER: name_of(slots["first"] + slot), COUNT: str(slots["count"])} if slots else {}


def of_process(lanes_before: int, count: int, environment: Mapping[str, str]) -> dict[str, int]:
    """The first slot of a process, after `lanes_before` others, and the count of all; empty if there is only one slot.

    If flakeproof itself runs in a worker of xdist, the numbers differ from those in its other workers.
    """
    if count <= 1:
        return {}
    outer = environment.get(WORKER, "").removeprefix(_PREFIX)
    others = environment.get(COUNT, "")
    if not (outer.isdecimal() and others.isdecimal()):
        return {"first": lanes_before, "count": count}
    return {"first": int(outer) * count + lanes_before, "count": int(others) * count}


def tell_pytest(config: Any, slot: int, slots: Mapping[str, int], run: str) -> None:
    """Make `config` look as in a worker of xdist, for the fixtures of a trial; call this after the collection."""
    if slots:
        name, count = name_of(slots["first"] + slot), slots["count"]
        config.workerinput = {"workerid": name, "workercount": count, "testrunuid": run, "mainargv": []}
        config.workeroutput = {}
