"""The records that describe a run: what is asked for, and how each trial ended. Frozen, typed, JSON both ways."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec


class Outcome(StrEnum):
    """How a trial ended. A harness fault (`lost`) is never a test failure."""

    PASSED = "passed"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    CRASHED = "crashed"
    LEAKED = "leaked"
    SKIPPED = "skipped"
    LOST = "lost"
    NOT_LOADED = "not loaded"
    """Of a process, not of a trial: it could not load the target."""

    @property
    def is_failure(self) -> bool:
        """Whether it counts against the target."""
        return self in _FAILURES


_FAILURES = frozenset({Outcome.FAILED, Outcome.TIMED_OUT, Outcome.CRASHED})


class ItemOutcome(StrEnum):
    """How one pytest item ended in a trial, which is a pass over all that are selected; in pytest's words."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"
    LEFT_OUT = "left out"
    """It was not run any more, because it had failed in an earlier trial."""


class Isolation(StrEnum):
    """What trials share with each other."""

    SHARED = "shared"
    """One process runs many trials: descriptors, ports and globals are shared."""
    FORK = "fork"
    """Each trial runs in a fresh fork of a process that has loaded the target."""
    FRESH = "fresh"
    """Each trial starts a program anew: a new interpreter, or the command."""


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all records."""


class TraceOrder(Record, frozen=True, kw_only=True):
    """How closely trials are recorded (`flakeproof_worker.recording`)."""

    folder: str
    """Where each trial's record is written."""
    focus: list[tuple[str, int]] = []
    """Files and lines at which all variables, and the intermediate values of assertions, are recorded."""
    narrow: bool = False
    """Whether only the functions are recorded that hold a line in focus: where more of it changes the outcome."""


class TargetSpec(Record, frozen=True, kw_only=True):
    """What is executed, as data; what all kinds of targets have."""

    name: str
    """As the user wrote it."""
    python: str
    """Path of the interpreter of the worker processes."""
    python_from: str = ""
    """Why it is this interpreter, for people; empty where nothing was chosen."""
    folder: str
    """Working directory."""
    environment: dict[str, str] = {}
    """Variables set on top of flakeproof's own environment."""
    descriptors_per_trial: int = 1
    """File descriptors that one trial holds at most."""
    ports_per_trial: int = 0
    """Ephemeral ports that one trial holds at most."""
    trace: "TraceOrder | None" = None
    """What is to be recorded of each trial, to compare failing with passing ones; None for nothing."""
    watched: str = ""
    """Folder for the recorded calls that may differ between runs (`flakeproof_worker.call_recorder`); empty: none."""

    @property
    def settings(self) -> Mapping[str, str | float | bool]:
        """What was chosen beside the name."""
        return {}


class CallableTarget(TargetSpec, frozen=True, kw_only=True, tag_field="kind", tag="callable"):
    """A Python function; the working directory is first on its import path."""

    module: str
    attribute: str
    arguments: dict[str, str | float | bool] = {}
    """Bound by name."""
    scenario: str | None = None
    loop: str | None = None
    """`module:function` that returns the event loop for async trials; None for asyncio's own."""
    packages: dict[str, str] = {}
    """Packages importable by path alone, name to folder."""

    @property
    def settings(self) -> Mapping[str, str | float | bool]:
        return self.arguments


class CommandTarget(TargetSpec, frozen=True, kw_only=True, tag_field="kind", tag="command"):
    """A program with its arguments. It passes with exit status 0, and crashes by a signal."""

    program: str
    """Path of what is executed."""
    argv: list[str]
    """Its arguments, its own name first; `{trial}`, `{seed}` and, with `results`, `{folder}` stand for those of the
    trial, also in values of its environment."""
    private: list[str] = []
    """Variables of the environment that the user gave; their values are kept out of records and reports."""
    skip_code: int | None = None
    """Exit status that means "skipped"."""
    failure: str | None = None
    """Regular expression: only what fails with a match in its output counts as a failure."""
    ignore: str | None = None
    """Regular expression: what fails with a match in its output does not count as a failure."""
    results: str | None = None
    """Glob for the JUnit XML that each trial writes, from the working directory; None to read what is printed.

    `{trial}`, `{seed}` and `{folder}`, the temporary folder of the trial, stand for those of the trial.
    """

    @property
    def shares_results(self) -> bool:
        """Whether all trials write their results to the same files, so that only one can run at a time."""
        return self.results is not None and not any(name in self.results for name in ("{trial}", "{seed}", "{folder}"))


class PytestTarget(TargetSpec, frozen=True, kw_only=True, tag_field="kind", tag="pytest"):
    """Tests that pytest collects; a trial is one pass over all of them."""

    arguments: list[str]
    """Node ids, files and folders, as for pytest; none for the project's own test paths."""
    options: list[str] = []
    """Options of pytest, in front of the arguments."""
    shuffle: bool = False
    """Whether each trial has an order of its own."""
    private_home: bool = False
    """Whether each trial has a home folder of its own."""
    imports_folder: bool = True
    """Whether modules in the working directory can be imported, as with `python -m pytest`."""
    session_fixtures: str = "each"
    """Where trials are forks: whether `each` sets up the fixtures of the session, or their process, `once`."""


Target = CallableTarget | CommandTarget | PytestTarget


class Delay(Record, frozen=True, kw_only=True):
    """Pauses at lines of Python code."""

    file: str
    """Glob for the file: its name, the end of its path, or all of it."""
    where: str
    """Glob for functions, or the number of a line."""
    least: float
    """Seconds, of the shortest pause."""
    most: float
    """Seconds, of the longest."""
    probability: float = 1.0
    """Of a pause each time that such a line is reached."""
    share: float = 1.0
    """Of the trials in which there are pauses at all."""


class Load(Record, frozen=True, kw_only=True):
    """Processes of one kind that keep the machine busy."""

    count: int
    share: float = 1.0
    """Of the time that each of them is busy."""


class Freeze(Record, frozen=True, kw_only=True):
    """Pauses in which processes of a test stand still."""

    least: float
    """Seconds, of the shortest pause."""
    most: float
    """Seconds, of the longest."""
    share: float
    """Of the time that is paused, on average."""


class Perturbations(Record, frozen=True, kw_only=True):
    """Changes to the surroundings of each trial that provoke failures; what is random is drawn from its seed."""

    delays: list[Delay] = []
    race: bool = False
    """Whether threads and tasks are switched as often, and as unexpectedly, as can be."""
    noise: dict[str, Load] = {}
    """Processes that keep the machine busy beside the tests, by kind: `cpu`, `io`, `memory`."""
    cpus: int | None = None
    """CPUs that tests, and the noise beside them, may use; None for all."""
    cpu_quota: float | None = None
    """Share of a CPU that each process which runs tests may use, with all that it starts."""
    nice: int = 0
    """By how much tests are nicer than flakeproof itself (nice(2))."""
    freeze: Freeze | None = None
    """Pauses in which processes of a test stand still."""
    clock: str | None = None
    """What the time of day is: `boundaries`, a shift in seconds with its sign, the instant at which trials begin, or
    `x` and how many times as fast as the true one it goes."""
    gc: int | None = None
    """Allocations after which garbage is collected, on average; 0 for never."""
    directory_order: str | None = None
    """In which order folders are listed: `sorted` by name, the `oldest` first, or `shuffled`."""
    max_fds: int | None = None
    """Descriptors for which there is room in each trial, beyond those that are open when it begins."""
    ports: int | None = None
    """Ephemeral ports of the network that each worker process then has to itself."""
    temp_space: int | None = None
    """Bytes for which there is room in the temporary folder of each trial."""
    reverse: bool = False
    """Whether the tests of a pass run in the reverse of their order."""
    hash_seed: str | None = None
    """PYTHONHASHSEED: a number, or `random` for one of each process, whatever the environment says."""
    random_seed: str | None = None
    """What global generators start from in each trial: a number, or `each` for the seed of the trial."""
    timezones: list[str] = []
    """Names of the zones that TZ is drawn from; of one, it is that."""
    locales: list[str] = []
    """Names that LC_ALL and LANG are drawn from; of one, they are that."""
    network: str | None = None
    """`none`: nothing but loopback can be reached; else the faults of the network (`network_faults` of the worker)."""
    stopwatch: float | None = None
    """Seconds that pass in a true one on the clocks by which the project's own code measures time."""
    patience: float | None = None
    """How many times as long the time limits are that the project's own code waits with."""
    awaits: list[str] = []
    """Lines, as `FILE:LINE`, at which what they start has ended before the next one runs."""
    records_places: bool = False
    """Whether it is written down which lines each trial executes (`flakeproof_worker.perturb.places`)."""


class Question(Record, frozen=True, kw_only=True):
    """What a run is to find out: whether the target fails at a rate below, or above, this one."""

    rate: float
    """Between 0 and 1."""
    error: float
    """Probability that the answer may be wrong with, whichever it is."""
    tolerates: bool = False
    """Whether failures are accepted as long as the rate is below: that of a gate."""
    process_rate: float | None = None
    """The rate that what a process fixes once has to be below; None where each trial has a process to itself."""


class Answer(StrEnum):
    """What is known about the rate of a question."""

    BELOW = "below"
    ABOVE = "above"
    UNDECIDED = "undecided"


class Finding(Record, frozen=True, kw_only=True):
    """A question and how far it is answered."""

    rate: float
    error: float
    answer: Answer
    below: float
    """Evidence that the rate is below (that of the test with the least): so many times as likely. 1 is none."""
    above: float
    """Evidence that it is above (of the test with the most), shared out among the tests."""
    wanted: float
    """Evidence that decides."""
    item: str
    """The test that the answer hangs on, where there are several."""
    further: int | None
    """Trials that would still be needed at the rates seen so far; None if they would never do."""
    taken_back: bool = False
    """Whether there was an answer, which the trials do not bear because they depend on each other."""
    process_rate: float | None = None
    """That of the question."""
    processes: int = 0
    """Processes that have had trials …"""
    process_below: float = 1.0
    """… and the evidence from them that the rate of what a process fixes once is below (of the test with the least)."""
    further_processes: int = 0
    """Processes that would still be needed, where trials have told and processes have not."""


SANITIZERS = ("descriptors", "leaks")
"""What there is to watch."""


class Sanitize(Record, frozen=True, kw_only=True):
    """What worker processes watch, and how they take what they see."""

    names: list[str]
    """Sanitizers: "descriptors", "leaks"."""
    fail_on_leak: bool = False
    """Whether a trial that passes and leaves something behind has failed."""
    settle: float = 0.1
    """Seconds that what a trial leaves behind has to end by itself."""
    allowed: list[str] = []
    """Patterns of what may be left behind."""


class SourceLocation(Record, frozen=True, kw_only=True):
    """A line of code."""

    file: str
    line: int
    function: str


class SeenPart(Record, frozen=True, kw_only=True):
    """One side of what a sanitizer has seen."""

    role: str
    """"closed", "opened", "created" …"""
    trial: int
    """0: none, or not known."""
    item: str
    """pytest's id of the test, "" if there is none."""
    place: SourceLocation | None
    """The line to show; None where it is not known."""
    stack: list[SourceLocation]
    """Innermost first."""


class Sight(Record, frozen=True, kw_only=True):
    """One time that a sanitizer has seen something."""

    text: str
    parts: list[SeenPart]
    """The guilty one first."""


class SeenBySanitizer(Record, frozen=True, kw_only=True):
    """How often a sanitizer has seen the same at the same lines."""

    key: str
    """What they have in common."""
    sanitizer: str
    kind: str
    what: str
    times: int
    passed: int
    """Trials that passed in which it was seen …"""
    failed: int
    """… and trials that failed."""
    examples: list[Sight]
    """Not seen before; a few."""

    def more(self, before: "SeenBySanitizer") -> "SeenBySanitizer":
        """This and what was counted `before`."""
        return msgspec.structs.replace(
            self,
            times=before.times + self.times,
            passed=before.passed + self.passed,
            failed=before.failed + self.failed,
            examples=[*before.examples, *self.examples],
        )


PROCESSES_PER_SHARD = 1_000_000
"""Numbers that the processes of one part of a run, or of one node, have alone: they decide about hash seeds."""


class RunSpec(Record, frozen=True, kw_only=True):
    """A whole run: the target and every setting that decides what happens."""

    target: Target
    preset: str | None = None
    count: int | None
    """Trials to run; None when only the duration ends the run."""
    first: int = 1
    """Number of the first trial."""
    shard: tuple[int, int] | None = None
    """Which part of a run this is, from 1, and of how many; None for a whole one."""
    on: str | None = None
    """Address of the Ray cluster whose nodes run the trials; None for this machine."""
    machines: list[str] = []
    """Names by number: of the machine of each part of a run that was merged ("" for a part that is missing), or of each
    node of a cluster. The numbers of processes tell which of them a process was on (`PROCESSES_PER_SHARD`)."""
    chosen: list[int] = []
    """Numbers of the trials to run, in this order, in place of `count` of them from the first on; none for those."""
    duration: float | None = None
    """Seconds after which no further trial starts."""
    patience: float | None = None
    """Seconds that those in flight then have to end by themselves; None for as long as they take."""
    workers: int
    """Trials in flight at once."""
    adapts_workers: bool = False
    """Whether there may be but one at a time, should they turn out to collide: nobody has asked for so many."""
    processes: int
    """Operating-system processes that hold the workers."""
    first_process: int = 0
    """Number of the first process: seed and number together decide about its PYTHONHASHSEED."""
    isolation: Isolation = Isolation.SHARED
    timeout: float | None = 300.0
    """Seconds that one trial may take."""
    adapts_timeout: bool = False
    """Whether that is so only until it is known how long trials usually take (`engine.usual_duration`)."""
    grace: float = 2.0
    """Seconds between asking a process to end and killing it."""
    max_failures: int | None = None
    """Stop after so many failures."""
    private_network: bool | None = None
    """Whether each trial, or each process that trials share, has a network of its own; None: the first one shows."""
    watch_packets: bool = False
    """Whether the packets of each trial are seen, in a network of its own, and those of a failed one kept and told."""
    keep_captures: bool = False
    """Whether the packets that are watched are kept of a trial that passes, too."""
    drop_failed: bool = False
    """Do not repeat a pytest item that has failed, but go on with the others."""
    tolerates_load_failures: bool = False
    """Whether it counts for nothing that some processes could not load the target."""
    seed: int
    ci_rate: float | None = None
    """Failure rate seen elsewhere, for the number of failures to expect."""
    sanitize: Sanitize | None = None
    question: Question | None = None
    """The run ends as soon as this is answered."""
    perturbations: Perturbations = Perturbations()
    left_out: list[str] = []
    """What was asked for and is not possible, where the best effort is enough."""

    def bare(self, **changes: Any) -> "RunSpec":
        """For a probe: the run with `changes`, without what ends one early, leaves tests out or asks a question."""
        nothing: dict[str, Any] = {
            "preset": None,
            "count": None,
            "duration": None,
            "max_failures": None,
            "drop_failed": False,
            "watch_packets": False,
            "question": None,
            "ci_rate": None,
            "on": None,
        }
        return msgspec.structs.replace(self, **{**nothing, **changes})

    @property
    def is_fixed_count(self) -> bool:
        """Whether the number of trials is fixed beforehand and does not depend on what is seen."""
        open_end = self.duration is not None or self.max_failures is not None or self.question is not None
        return self.count is not None and not open_end


class Carrier(Record, frozen=True, kw_only=True):
    """Something that was not as it had been, just before the test."""

    kind: str
    """global, library, environment, folder, umask, locale, signal, logging, module, import, warnings, descriptor …"""
    name: str
    before: str
    after: str
    place: str = ""
    """`file:line` where it is defined, if that is known."""
    changed_at: str = ""
    """`file:line (function)` of the line that changed it, if that was seen."""
    decides: bool | None = None
    """Whether putting it back undoes the effect on the test; None if that was not tried or not possible."""


class Failure(Record, frozen=True, kw_only=True):
    """A trial that ended badly, with all that is known about it."""

    trial: int
    seed: int
    outcome: Outcome
    message: str
    """One line, for people."""
    item: str = ""
    """Id of the pytest item that failed, or of what belongs to several; empty where the target is but one thing."""
    signature: str
    """Identity of the failure: the same bug gives the same one."""
    duration: float
    """Seconds."""
    process: int
    details: dict[str, Any] = {}
    """The exception (type, message, frames, cause), signal or exit code, stacks."""
    output: str = ""
    """What the trial wrote, capped; empty where several trials share a process."""
