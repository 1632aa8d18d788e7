"""From what a trial was seen to call (`flakeproof_worker.call_recorder`) to the lines that may hold the cause."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from flakeproof.features.diagnose.code_hints import leaks, sums
from flakeproof.features.diagnose.failure_under_study import Flake
from flakeproof.features.diagnose.records import Place
from flakeproof.model import Record

RANDOM, ENTROPY, CLOCK, STOPWATCH = "random", "entropy", "clock", "stopwatch"
OUTSIDE, SETS, SUMS, EXECUTOR = "outside", "sets", "sums", "executor"
HASH, ADDRESS = "hash", "address"
LIMIT = "limit"
LISTING, FINALISED = "listing", "finalised"
_OWN = re.compile(r"/flakeproof-\w+/|^/dev/|^/proc/|__pycache__|/\.pytest_cache/|\.pyc$|/\.flakeproof/")
"""Files that no two trials share, or that tell nothing."""
_PORT = re.compile(r"^\('[^']*', (\d+)")
_CALLED = {
    RANDOM: "random",
    ENTROPY: "entropy",
    CLOCK: "clock",
    STOPWATCH: "stopwatch",
    HASH: "hash",
    ADDRESS: "address",
    LIMIT: "limit",
    LISTING: "listing",
    FINALISED: "finalised",
}

WORLD = {
    CLOCK: "reads the time of day",
    STOPWATCH: "measures time",
    RANDOM: "draws at random",
    LIMIT: "waits with a time limit",
    ENTROPY: "draws what no seed reaches",
    HASH: "asks for a hash",
    ADDRESS: "asks where an object lies in memory",
    "open": "writes a file",
    "bind": "takes a port",
    LISTING: "lists a folder",
    "environment": "reads the environment",
    "process": "asks for a process id",
    "locale": "reads the locale",
    "garbage": "collects garbage",
    FINALISED: "hangs on when an object goes",
}
"""What a line may read of the world, or do to it, in words."""


class Call(Record, frozen=True, kw_only=True):
    """One line that did one kind of thing."""

    kind: str
    file: str
    line: int
    function: str
    what: str
    thread: int
    order: int
    """The later it was done (for the last time), the higher."""

    @property
    def place(self) -> Place:
        """Where."""
        return Place(file=self.file, line=self.line, function=self.function)


@dataclass
class Witnessed:
    """What is known of lines and of what they use."""

    places: dict[str, Place] = field(default_factory=dict)
    uses: dict[str, str] = field(default_factory=dict)
    threads: dict[tuple[str, str], int] = field(default_factory=dict)
    """By file and function, the threads that it ran in."""
    coroutines: set[tuple[str, str]] = field(default_factory=set)
    several_threads: bool = False
    """Whether code of the user ran in more than one thread."""
    own_threads: bool = False
    """Whether code of the user starts threads, other than by way of an event loop."""
    world: dict[tuple[str, int], dict[str, str]] = field(default_factory=dict)
    """By file and line, what of the world is read there, and how: clocks, chance, files, the environment, …"""
    looked: bool = False
    """Whether anything is known at all."""
    of_failures: bool = True
    """Whether the trials looked at had failed; else it was one that passed."""
    timed: bool = False
    """Whether a function of the traceback measures how long something takes."""
    reads_twice: bool = False
    """Whether a function of the traceback reads the time of day at two lines, which may measure as well."""


def examine(calls: Sequence[Call], flake: Flake | None, source: Callable[[str], str]) -> Witnessed:
    """The lines of `calls` that are nearest to the failure, or without one what is last; `source` returns the text of
    a file, "" for none.
    """
    found = Witnessed(looked=bool(calls), of_failures=flake is not None)
    for call in calls:
        if call.kind in WORLD:
            found.world.setdefault((call.file, call.line), {}).setdefault(call.kind, call.what)
        found.timed |= call.kind == STOPWATCH and flake is not None and _key(call) in flake.functions
        if call.kind == "thread":
            found.own_threads |= call.what == "threading"
        if call.kind == "ran":
            key = _key(call)
            found.several_threads |= call.thread > 0
            found.threads[key] = len({one.thread for one in calls if one.kind == "ran" and _key(one) == key})
            if call.what == "coroutine":
                found.coroutines.add(key)
    read_at = {(_key(call), call.line) for call in calls if call.kind == CLOCK and flake is not None}
    of_functions = [key for key, _ in read_at if flake is not None and key in flake.functions]
    found.reads_twice = len(of_functions) > len(set(of_functions))
    handed = [
        call for call in calls if (call.kind, call.what) == ("thread", "asyncio") and _key(call) in found.coroutines
    ]
    if handed:
        found.places[EXECUTOR] = handed[-1].place
    for name, kind in _CALLED.items():
        if (nearest := _nearest([call for call in calls if call.kind == kind], flake)) is not None:
            found.places[name] = nearest.place
            found.uses[name] = nearest.what
    outside = [call for call in calls if call.kind in ("open", "bind") and _is_outside(call)]
    if outside:
        first = min(outside, key=lambda call: (_distance(call, flake), call.order))
        found.places[OUTSIDE], found.uses[OUTSIDE] = first.place, first.what
    if (place := _set_order(calls, flake, source)) is not None:
        found.places[SETS] = place
    if (place := _sum(calls, flake, source)) is not None:
        found.places[SUMS] = place
    return found


def reads_at(seen: Witnessed, file: str, line: int) -> str:
    """What a line reads of the world, in words; "" for nothing that was seen."""
    here = seen.world.get((file, line), {})
    return ", ".join(f"{WORLD[kind]} ({what})" if what else WORLD[kind] for kind, what in here.items())


def _key(call: Call) -> tuple[str, str]:
    return call.file, call.function


def _is_outside(call: Call) -> bool:
    if call.kind == "bind":
        port = _PORT.match(call.what)
        return port is None or port[1] != "0"
    return (call.what.startswith("/") and not _OWN.search(call.what)) or not call.what.startswith(("/", "<"))


def _distance(call: Call, flake: Flake | None) -> int:
    """How far its function is from the failure, in calls; far where it is not in the traceback."""
    key = call.file, call.function
    if flake is None:
        return 0
    return flake.functions.index(key) if key in flake.functions else len(flake.functions)


def _nearest(calls: Sequence[Call], flake: Flake | None) -> Call | None:
    """The last one in the function that is nearest to the failure."""
    return min(calls, key=lambda call: (_distance(call, flake), -call.order), default=None)


def _set_order(calls: Sequence[Call], flake: Flake | None, source: Callable[[str], str]) -> Place | None:
    """Where the order of a set gets out in code that has run; nearest to the failure, of that the last."""
    ran = {(call.file, call.function): call for call in calls if call.kind == "ran"}
    held: dict[str, set[tuple[str, str]]] = {}
    for call in calls:
        if call.kind == "set":
            held.setdefault(call.file, set()).add((call.function, call.what))
    giving = {call.what for call in calls if call.kind == "gives"}
    candidates = []
    for file in {file for file, _ in ran}:
        for leak in leaks(source(file), held.get(file, set()), giving):
            if (caller := ran.get((file, leak.function))) is not None:
                place = Place(file=file, line=leak.line, function=leak.function)
                candidates.append((_distance(caller, flake), -leak.line, place))
    return min(candidates, key=lambda candidate: candidate[:2])[2] if candidates else None


def _sum(calls: Sequence[Call], flake: Flake | None, source: Callable[[str], str]) -> Place | None:
    """Where something is added up in code that has run, one by one rather than at once; nearest to the failure."""
    ran = {(call.file, call.function): call for call in calls if call.kind == "ran"}
    candidates = []
    for file in {file for file, _ in ran}:
        for found in sums(source(file)):
            if (caller := ran.get((file, found.function))) is not None:
                place = Place(file=file, line=found.line, function=found.function)
                candidates.append((not found.one_by_one, _distance(caller, flake), -found.line, place))
    return min(candidates, key=lambda candidate: candidate[:3])[3] if candidates else None
