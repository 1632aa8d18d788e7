"""The number of the place in which a trial runs, told as pytest-xdist tells it, so that copies do not collide.

What makes a database, a folder or a port for each worker of xdist then does so for each trial that runs at once. Where
one trial runs at a time nothing is told, as by plain pytest: there the fixture `worker_id` is `master`.
"""

from collections.abc import Mapping
from typing import Any

WORKER = "PYTEST_XDIST_WORKER"
COUNT = "PYTEST_XDIST_WORKER_COUNT"
_PREFIX = "gw"


def name_of(slot: int) -> str:
    """`gw3`."""
    return f"{_PREFIX}{slot}"


def variables(slot: int, slots: Mapping[str, int]) -> dict[str, str]:
    """For the environment of the trial in this slot; `slots` is what the coordinator has told of all, or nothing."""
    return {WORKER: name_of(slots["first"] + slot), COUNT: str(slots["count"])} if slots else {}


def of_process(lanes_before: int, count: int, environment: Mapping[str, str]) -> dict[str, int]:
    """What a process is told whose first slot follows so many others, of `count`; nothing where it is the only one.

    Inside of a worker of xdist, each of which may come here, numbers begin where they are nobody else's.
    """
    if count <= 1:
        return {}
    outer = environment.get(WORKER, "").removeprefix(_PREFIX)
    others = environment.get(COUNT, "")
    if not (outer.isdecimal() and others.isdecimal()):
        return {"first": lanes_before, "count": count}
    return {"first": int(outer) * count + lanes_before, "count": int(others) * count}


def tell_pytest(config: Any, slot: int, slots: Mapping[str, int], run: str) -> None:
    """Have `config` look as in a worker of xdist, for the fixtures of a trial; everything is collected by then."""
    if slots:
        name, count = name_of(slots["first"] + slot), slots["count"]
        config.workerinput = {"workerid": name, "workercount": count, "testrunuid": run, "mainargv": []}
        config.workeroutput = {}
