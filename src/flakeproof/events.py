"""What happens in a run, for everybody who wants to know: console, log, reports."""

import msgspec

from flakeproof.copies import Copies
from flakeproof.model import Carrier, Failure, Finding, ItemOutcome, Outcome, RunSpec, SeenBySanitizer


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Base of all events."""


class RunStarted(Event, frozen=True, kw_only=True, tag="run-started"):
    """The run begins; nothing has been executed yet."""

    run_id: str
    at: str
    """Time of day, ISO 8601, UTC."""
    version: str
    spec: RunSpec
    machine: str = ""
    """Its name in the network."""


class NodeJoined(Event, frozen=True, kw_only=True, tag="node-joined"):
    """A node of a cluster runs trials from now on."""

    node: int
    """Its number, from 0; the numbers of its processes follow from that (`flakeproof.model.PROCESSES_PER_SHARD`)."""
    name: str
    workers: int
    """Trials that it runs at once."""


class NodeLost(Event, frozen=True, kw_only=True, tag="node-lost"):
    """A node of a cluster does not run trials any more. The trials that are lost with it have events of their own."""

    node: int
    name: str
    reason: str
    lost: int
    """Trials that it was running when it was last heard of."""
    returned: int
    """Trials that it had and that run elsewhere."""


class ItemsCollected(Event, frozen=True, kw_only=True, tag="items-collected"):
    """pytest has collected these items: every trial is a pass over them."""

    items: list[str]


class TrialsPassed(Event, frozen=True, kw_only=True, tag="trials-passed"):
    """Trials that passed, as one batch of one process."""

    process: int
    count: int
    durations: list[tuple[int, int]]
    """Counts per duration bucket (`flakeproof_worker.shared.durations`)."""
    items: dict[str, ItemOutcome] = {}
    """Items that did not simply pass, the same in each of these trials."""
    trials: list[tuple[int, int]] = []
    """Which ones, as runs of consecutive numbers; in a log that is in `Settled`."""


class TrialFailed(Event, frozen=True, kw_only=True, tag="trial-failed"):
    """One trial failed, timed out or crashed."""

    number: int
    """Ordinal of this failure within the run, from 1."""
    failure: Failure
    further: list[Failure] = []
    """What else failed in this trial."""
    items: dict[str, ItemOutcome] = {}
    """Items that did not simply pass."""
    cut_short: bool = False
    """Whether the trial did not come to its end: then nothing is known of items that are not listed."""
    suspects: list[int] = []
    """Trials that were in flight together when their process ended, and of which any may have ended it; this is one."""


class TrialPassed(Event, frozen=True, kw_only=True, tag="trial-passed"):
    """One trial passed that is told of by itself, because what ran in it was chosen for it alone."""

    trial: int
    items: dict[str, ItemOutcome] = {}
    """Items that did not simply pass."""


class TrialSkipped(Event, frozen=True, kw_only=True, tag="trial-skipped"):
    """One trial did not want to run."""

    trial: int
    reason: str
    items: dict[str, ItemOutcome] = {}
    """Items that did not simply pass."""


class TrialLeaked(Event, frozen=True, kw_only=True, tag="trial-leaked"):
    """One trial passed and left something behind."""

    trial: int
    process: int
    reason: str
    """What it left, the first of it."""
    duration: float
    """Seconds."""
    items: dict[str, ItemOutcome] = {}
    """Items that did not simply pass."""


class Sighted(Event, frozen=True, kw_only=True, tag="sighted"):
    """What the sanitizers of a process have seen since the last time."""

    process: int
    seen: list[SeenBySanitizer]


class TrialLost(Event, frozen=True, kw_only=True, tag="trial-lost"):
    """One trial has no result, through no fault of the target."""

    trial: int
    reason: str


class TrialsCounted(Event, frozen=True, kw_only=True, tag="trials-counted"):
    """Trials of which a log keeps only the number, because it has grown too large for each of them."""

    outcome: Outcome
    signature: str
    """Of failures; empty for others."""
    count: int
    items: dict[str, dict[ItemOutcome, int]] = {}
    """How often each item did not simply pass in them."""
    cut_short: int = 0
    """How many of them did not come to their end."""


class ProcessLoaded(Event, frozen=True, kw_only=True, tag="process-loaded"):
    """A process has loaded the target, and runs trials from now on."""

    process: int
    seconds: float


class LoadFailed(Event, frozen=True, kw_only=True, tag="load-failed"):
    """A process could not load the target, which another one could: no trial is lost by it, and none tells of it."""

    failure: Failure
    """Of trial 0: there is none."""


class Settled(Event, frozen=True, kw_only=True, tag="settled"):
    """Which trials those records of a log are about, since the last one of these, that have no number of their own."""

    trials: list[tuple[int, int]]
    """As runs of consecutive numbers."""
    elapsed: float
    """Seconds that the run had taken."""


class RunResumed(Event, frozen=True, kw_only=True, tag="run-resumed"):
    """The run goes on where it had ended, by itself or not."""

    at: str
    version: str


class Progressed(Event, frozen=True, kw_only=True, tag="progressed"):
    """A regular look at the run; never logged."""

    completed: int
    failed: int
    planned: int | None
    elapsed: float
    """Seconds since the first process was ready."""
    planned_duration: float | None
    nodes: int | None = None
    """Nodes of a cluster that run trials; None where there is no cluster."""


class Noted(Event, frozen=True, kw_only=True, tag="noted"):
    """Something that the user should know and that changes no number."""

    message: str


class Answered(Event, frozen=True, kw_only=True, tag="answered"):
    """The run's question is answered. What trials in flight then still find does not change the answer."""

    finding: Finding


class CopiesChecked(Event, frozen=True, kw_only=True, tag="copies-checked"):
    """Failures seen with several tests at once have been looked into; its trials are not among those of the run."""

    found: Copies


class StateLookedFor(Event, frozen=True, kw_only=True, tag="state-looked-for"):
    """A test that fails in later passes of a process has been run behind itself, to see what stays of it."""

    item: str
    state: list[Carrier]
    """What it leaves behind, the likeliest first."""
    unknown: str
    """Why `state` is empty; "" if it is not."""


class RunEnded(Event, frozen=True, kw_only=True, tag="run-ended"):
    """The run is over."""

    elapsed: float
    """Seconds from the first process being ready to the last trial's end."""
    stopped: str | None
    """Why it ended before its plan was fulfilled; None if it was."""
    dropped: int = 0
    """Trials that had started and were ended with the run: they have no outcome."""


AnyEvent = (
    RunStarted
    | RunResumed
    | NodeJoined
    | NodeLost
    | ItemsCollected
    | TrialsPassed
    | TrialPassed
    | TrialFailed
    | TrialSkipped
    | TrialLeaked
    | TrialLost
    | Sighted
    | ProcessLoaded
    | LoadFailed
    | Progressed
    | Noted
    | Answered
    | CopiesChecked
    | StateLookedFor
    | RunEnded
)

AnyRecord = AnyEvent | TrialsCounted | Settled
"""What a log consists of."""
