"""What a diagnosis says: the causes, how each one stands, and on what that rests."""

from collections.abc import Sequence
from enum import StrEnum

from flakeproof.model import Record
from flakeproof.results.summary import RateInterval
from flakeproof.results.verdict import Verdict

SCHEMA_VERSION = 1


class CauseId(StrEnum):
    """What can make a test flaky; a closed set."""

    DESCRIPTOR_MISUSE = "descriptor-misuse"
    """A descriptor is closed twice, used after it was closed, or has two owners."""
    LEAKED_WORK = "leaked-work"
    """Threads, tasks or processes of a trial go on after it."""
    LEAKED_RESOURCE = "leaked-resource"
    """Files, sockets or children of a trial stay open after it."""
    ORDER_POLLUTER = "order-polluter"
    """Another test that ran before leaves something behind."""
    ORDER_BRITTLE = "order-brittle"
    """It needs another test to have run before."""
    SELF_POLLUTION = "self-pollution"
    """It leaves something behind that makes it fail when it runs again in the same process."""
    THREAD_RACE = "thread-race"
    """Threads come in an order that is not fixed."""
    ASYNC_RACE = "async-race"
    """Tasks of an event loop come in an order that is not fixed."""
    CONTENTION = "contention"
    """Runs beside each other compete for something outside of the process: a port, a file."""
    RANDOMNESS = "randomness"
    """The outcome hangs on numbers drawn at random."""
    HASH_ORDER = "hash-order"
    """The outcome hangs on the order of a set."""
    ADDRESSES = "addresses"
    """The outcome hangs on where objects lie in memory: `id`, and the order of sets of objects that hash by it."""
    DIRECTORY_ORDER = "directory-order"
    """The outcome hangs on the order in which a folder is listed."""
    GARBAGE = "garbage"
    """The outcome hangs on when garbage is collected."""
    CLOCK = "clock"
    """The outcome hangs on the time of day."""
    SCARCITY = "scarcity"
    """Something that there is little of runs out: descriptors, ports, room for files."""
    LOAD = "load"
    """A limit is too short for a busy machine."""
    FLOAT_ORDER = "float-order"
    """Floats are added up in an order that is not fixed."""
    DIFFERENCE = "difference"
    """Failing tests differ from passing ones at a line; what kind of cause that is, is not known."""


class Status(StrEnum):
    """How a cause stands."""

    PROVEN = "proven"
    """Only it was changed, in fresh trials in turns with a control, and the outcome changed with it."""
    SUPPORTED = "supported"
    """A difference that is hardly chance, or something that was seen."""
    REFUTED = "refuted"
    """It would have shown, and did not."""
    UNKNOWN = "unknown"
    """Not tried, or what was tried could not tell."""


FOUND = (Status.PROVEN, Status.SUPPORTED)
"""How what is a cause, as far as is known, stands."""


class Place(Record, frozen=True, kw_only=True):
    """A line of code."""

    file: str
    line: int
    function: str


class Cause(Record, frozen=True, kw_only=True):
    """One cause and how it stands."""

    cause: CauseId
    status: Status
    statement: str
    """One sentence."""
    place: Place | None = None
    evidence: Sequence[str] = ()
    """Sentences with the numbers."""
    next: str = ""
    """The command that takes it further; empty where there is none."""


class Difference(Record, frozen=True, kw_only=True):
    """What failing trials did that passing ones did not; by chance in one of a hundred diagnoses."""

    statement: str
    """One sentence, with the numbers."""
    place: Place
    is_symptom: bool
    """Whether it is only the failure itself, seen closely."""


class Experiment(Record, frozen=True, kw_only=True):
    """Trials under one setting."""

    name: str
    setting: str
    """In words."""
    failed: int
    """Trials with the flake that is looked into."""
    other: int
    """Trials that failed in another way."""
    trials: int
    """Trials that passed or failed."""
    rate: float | None
    """Share of the flake; None without trials."""
    interval: RateInterval | None
    """As if each trial were drawn anew: it says nothing of what is the same in all trials of a process."""
    processes: int = 0
    """Processes that they ran in, or were forked off: what a process fixes once (a hash seed) has had so many tries."""
    against: str = ""
    """Name of the experiment that it is compared with; empty for none."""
    rises: float | None = None
    """Probability that it would have failed so much more often by chance, corrected for all comparisons made."""
    falls: float | None = None
    """The same for less often."""
    runs: Sequence[str] = ()
    """Records of its runs."""
    elapsed: float
    """Seconds."""


class Diagnosis(Record, frozen=True, kw_only=True):
    """All of it."""

    schema_version: int = SCHEMA_VERSION
    target: str
    seed: int
    verdict: Verdict
    exit_code: int
    rate: float | None
    """Of the target as it was given; None if no trial tells anything."""
    interval: RateInterval | None
    failure: str
    """Message of the failure that was looked into; empty where nothing failed."""
    signature: str
    place: Place | None
    """Where that failure came up."""
    others: list[str]
    """Messages of other failures that came along."""
    causes: list[Cause]
    """Best first."""
    differences: Sequence[Difference] = ()
    """The clearest first."""
    experiments: list[Experiment]
    notes: list[str]
    """What could not be done, or not in time."""
    stopped: str | None
    """Why it ended early; None if it did not."""
    elapsed: float
    """Seconds."""
