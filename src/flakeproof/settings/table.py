"""Every setting, declared once.

The options of the commands, `FLAKEPROOF_*`, pyproject.toml, presets, the keyword arguments of `flakeproof.run`,
`flakeproof config` and the table in docs/configuration.md come from these rows. CONTRIBUTING.md shows how to add one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from flakeproof.settings import values
from flakeproof.settings.values import ValueKind

PACKETS = "packets"
"""What can be watched of a network."""
MOST_TRIALS = 10**12
MOST_WORKERS = 10_000
MOST_PROCESSES = 1_000

PANELS = WHAT, HOW_MUCH, HOW, COUNTS, PROVOKE, WATCH, SCENARIO, REPORTS = (
    "What to run",
    "How much",
    "How it runs",
    "What counts as a failure",
    "Provoke a failure",
    "Watch",
    "Settings of a scenario",
    "Reports",
)
"""Of the help, and sections of the table in the docs; in their order."""


class Targets(Enum):
    """What kinds of targets a setting is for, in words."""

    ALL = ""
    PYTHON = "Python functions and tests"
    WATCHED = "Python functions and tests, which alone can be watched"
    FUNCTIONS = "Python functions"
    TESTS = "tests of pytest"
    COMMANDS = "commands"


@dataclass(frozen=True)
class Use:
    """What is different about an option in one command."""

    help: str
    default: str = ""
    """As one would type it; empty: that of the row."""
    also: tuple[str, ...] = ()
    """Other names of the option."""


@dataclass(frozen=True)
class Setting:
    """A row: one setting, or one option that is no setting (`only_typed`)."""

    name: str
    """In pyproject.toml, and after the dashes of the option."""
    value: ValueKind
    help: str
    panel: str = ""
    metavar: str | None = None
    default: str = ""
    """The default, as a user would type it; `Config.value` reads it."""
    otherwise: str = ""
    """The default in words, where no value says it, or there is more to say."""
    commands: frozenset[str] = frozenset()
    """The commands that have it as an option; `arm` stands for an arm of a comparison."""
    targets: Targets = Targets.ALL
    flags: tuple[str, ...] = ()
    """How the option is written, the short form first; empty: two dashes and the name."""
    argument: str = ""
    """Name among the arguments of a command, where it is not that of the row with underscores."""
    uses: Mapping[str, Use] = field(default_factory=dict)
    """By command, what is different there."""
    only_typed: bool = False
    """Whether it can only be an option: it cannot be in the environment, in pyproject.toml or in a preset."""
    of_project: bool = False
    """Whether commands need it which know of no target: it cannot be in a preset or in an override."""
    is_path: bool = False
    """Whether it may be a path, which in pyproject.toml is relative to that file."""
    of_run: bool = False
    """Whether the environment variable is not read inside of a trial: it is meant for the run around it there."""
    completes: tuple[str, ...] = ()
    """Values that a shell offers."""
    names_target: bool = False
    """Whether it says what the target is, so that a command that is to be typed again needs it."""

    @property
    def argument_name(self) -> str:
        """Its name among the arguments of a command."""
        return self.argument or self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "FLAKEPROOF_" + self.name.upper().replace("-", "_")

    @property
    def words(self) -> str:
        """The default in words."""
        return self.otherwise or self.default

    @property
    def is_keyword(self) -> bool:
        """Whether it is a keyword argument of `flakeproof.run`."""
        return "run" in self.commands and not self.only_typed and not self.is_of_scenario

    @property
    def is_of_scenario(self) -> bool:
        """Whether it is a setting of scenarios, which read it themselves."""
        return self.value is values.WRITTEN


def _commands(*names: str) -> frozenset[str]:
    return frozenset(names)


_RUN = _commands("run", "gate", "config")
_RUNS = _RUN | _commands("stress")
_BOTH = _commands("compare", "verify")
_WIRE = _commands("wire")
_ARMS = _BOTH | _commands("arm")
_SEARCHES = _commands("amplify", "diagnose")
_TARGETED = _RUN | _ARMS | _SEARCHES | _commands("bisect")
_TYPED = _TARGETED - _commands("config")
_FOUND = (
    _commands("run", "gate", "stress", "replay", "report", "merge", "isolate", "fdtrace", "bisect") | _BOTH | _SEARCHES
)
"""Commands that find something to report."""

_OUTPUT_FILE = "Write the findings as JSON; - is stdout."
_SPENT_COUNT = Use("Tests to spend, both arms together.")
_SPENT_TIME = Use("Time to spend. [10m, if no --count]")
_VERDICT_ERROR = Use("Probability that the verdict may be wrong with.", default="1%")

_ROWS = (
    # How much
    Setting(
        "preset",
        values.PRESET,
        "ci (2,000 tests), fast (1,000), parallel (250,000), full (100,000), or one of your own.",
        HOW_MUCH,
        "NAME",
        otherwise="ci",
        commands=_RUN,
        completes=("ci", "fast", "parallel", "full"),
    ),
    Setting(
        "count",
        values.whole(1, MOST_TRIALS),
        "Tests to run.",
        HOW_MUCH,
        "N",
        otherwise="the preset's; no limit with a duration",
        commands=_RUNS | _BOTH,
        flags=("-c", "--count"),
        uses={"compare": _SPENT_COUNT, "verify": _SPENT_COUNT},
    ),
    Setting(
        "duration",
        values.time(),
        "Start no further test after this time.",
        HOW_MUCH,
        "90s",
        otherwise="no limit",
        commands=_RUNS | _BOTH | _commands("isolate", "bisect"),
        uses={
            "bisect": Use("Time to spend.", default="1h", also=("--budget",)),
            "compare": _SPENT_TIME,
            "verify": _SPENT_TIME,
            "isolate": Use("Time to spend.", default="10m", also=("--budget",)),
        },
    ),
    Setting(
        "failfast",
        values.FLAG,
        "Stop at the first failure.",
        HOW_MUCH,
        otherwise="no",
        commands=_RUNS,
        flags=("-x", "--failfast"),
    ),
    Setting(
        "max-failures",
        values.whole(1, MOST_TRIALS),
        "Stop after exactly so many failures.",
        HOW_MUCH,
        "N",
        otherwise="no limit",
        commands=_RUNS,
    ),
    Setting(
        "until-confident",
        values.FLAG,
        "Stop as soon as it is known whether the failure rate is below --rate.",
        HOW_MUCH,
        otherwise="no",
        commands=_commands("run", "config"),
    ),
    Setting(
        "rate",
        values.SHARE,
        "That rate: 2%, 0.02 or 3/200. [the CI rate]",
        HOW_MUCH,
        "RATE",
        otherwise="the CI rate",
        commands=_commands("run", "config"),
    ),
    Setting(
        "error",
        values.SHARE,
        "Probability that the answer may be wrong with.",
        HOW_MUCH,
        "P",
        default="5%",
        commands=_commands("run", "config", "isolate", "bisect") | _BOTH,
        uses=dict.fromkeys(("compare", "verify", "isolate", "bisect"), _VERDICT_ERROR),
    ),
    Setting(
        "process-rate",
        values.SHARE,
        "Rate that is allowed for what a process fixes once and its forks share: hash seed, imports, addresses. "
        "[that of --max-rate or --rate, 1% at least]",
        HOW_MUCH,
        "RATE",
        otherwise="that of the question, 1% at least",
        commands=_RUN,
    ),
    Setting(
        "max-rate",
        values.SHARE,
        "Failure rate that is allowed: 0.1%, 0.001 or 1/1000.",
        HOW_MUCH,
        "RATE",
        otherwise="none: a gate has to name it",
        commands=_commands("gate", "config"),
    ),
    Setting(
        "confidence",
        values.SHARE,
        "Probability that the answer is to be right with.",
        HOW_MUCH,
        "P",
        default="95%",
        commands=_commands("gate", "config"),
    ),
    Setting(
        "reduction",
        values.TEXT,
        "Smallest improvement that counts as a fix: odds of failing reduced N-fold. [10]",
        HOW_MUCH,
        "N",
        commands=_BOTH,
        only_typed=True,
    ),
    Setting(
        "confirm",
        values.TEXT,
        "Once it is fixed: run the fix as usual, without -w, --set and the like, until this rate is ruled out.",
        HOW_MUCH,
        "RATE",
        commands=_BOTH,
        only_typed=True,
    ),
    Setting(
        "resume",
        values.TEXT,
        "Go on with the evidence of an earlier comparison: its run, or `latest`.",
        HOW_MUCH,
        "RUN",
        commands=_BOTH,
        only_typed=True,
    ),
    Setting(
        "resume-run",
        values.TEXT,
        "Run what is missing of this run (`latest`, an id), with its settings, as part of it.",
        HOW_MUCH,
        "RUN",
        commands=_commands("run"),
        flags=("--resume",),
        only_typed=True,
    ),
    Setting(
        "trust",
        values.FLAG,
        "Run what a record says that was not made by you on this machine.",
        HOW,
        commands=_commands("run", "gate", "isolate", "replay"),
        only_typed=True,
    ),
    Setting(
        "budget",
        values.time(),
        "Time that it may take, about.",
        HOW_MUCH,
        "TIME",
        commands=_SEARCHES | _commands("ci"),
        uses={
            "ci": Use("Time that it may take, about.", default="10m"),
            "amplify": Use("Time that it may take, about.", default="5m"),
            "diagnose": Use("Time that it may take.", default="2m"),
        },
        only_typed=True,
    ),
    # How it runs
    Setting(
        "workers",
        values.whole(1, MOST_WORKERS),
        "Tests in flight at once.",
        HOW,
        "N",
        otherwise="the preset's, the scenario's, or one per core",
        commands=_TARGETED | _commands("stress", "isolate"),
        flags=("-w", "--workers"),
    ),
    Setting(
        "processes",
        values.whole(1, MOST_PROCESSES),
        "Processes that the workers share out.",
        HOW,
        "N",
        otherwise="at most one per core",
        commands=_TARGETED | _commands("stress"),
    ),
    Setting(
        "isolation",
        values.ISOLATION,
        "shared: tests share processes; fork: each in a fork; fresh: each in a new interpreter.",
        HOW,
        "HOW",
        otherwise="shared; fork for pytest, fresh for commands",
        commands=_TARGETED | _commands("stress"),
        completes=("shared", "fork", "fresh"),
    ),
    Setting(
        "timeout",
        values.timeout(),
        "Limit for one test; `none` for no limit. [20 × usual, at least 10s]",
        HOW,
        "TIME",
        default="5m",
        otherwise="20 times what is usual, at least 10s; 5m until that is known",
        commands=_TARGETED | _commands("stress", "isolate", "fdtrace") | _WIRE,
        uses={"fdtrace": Use("Limit for the command; `none` for no limit.", default="5m")},
    ),
    Setting(
        "grace",
        values.time(),
        "Time between asking a process to end and killing it.",
        HOW,
        "TIME",
        default="2s",
        commands=_TARGETED | _commands("stress", "fdtrace") | _WIRE,
    ),
    Setting(
        "seed",
        values.SEED,
        "Seed of the run. [drawn and printed]",
        HOW,
        "N",
        otherwise="drawn for each run",
        commands=(_TARGETED - _commands("arm")) | _commands("stress", "isolate", "ci") | _WIRE,
        of_run=True,
    ),
    Setting(
        "shard",
        values.SHARD,
        "Part K of N of the run, for one of N machines; `auto`: as this CI job's variables say.",
        HOW_MUCH,
        "K/N",
        otherwise="the whole run",
        commands=_RUN | _commands("compare", "verify"),
        of_run=True,
    ),
    Setting(
        "on",
        values.PLACE,
        "Run on the nodes of a Ray cluster: its address, or `auto`. --workers is for each node.",
        HOW,
        "ADDRESS",
        default=values.HERE,
        commands=_RUN,
        of_run=True,
        completes=(values.HERE, "auto", "ray://"),
    ),
    Setting(
        "python",
        values.PATH,
        "Interpreter of the code under test.",
        WHAT,
        "PATH",
        otherwise="the active environment's, the project's, or our own",
        commands=_TARGETED | _commands("stress", "isolate", "replay", "ci") | _WIRE,
        targets=Targets.PYTHON,
        is_path=True,
        names_target=True,
    ),
    Setting(
        "loop",
        values.TEXT,
        "Event loop for async tests, e.g. uvloop:new_event_loop.",
        WHAT,
        "MODULE:FUNCTION",
        otherwise="the scenario's, else asyncio's",
        commands=_TARGETED | _commands("stress") | _WIRE,
        targets=Targets.FUNCTIONS,
    ),
    # Watch
    Setting(
        "sanitize",
        values.SANITIZERS,
        "Watch what tests do with descriptors, and what they leave behind: all, descriptors or leaks.",
        WATCH,
        "NAMES",
        otherwise="none",
        commands=_RUNS | _ARMS,
        targets=Targets.WATCHED,
    ),
    Setting(
        "watch",
        values.one_of(lambda: (PACKETS,)),
        "packets: tell what the connections of a failed test did, each test in a network of its own.",
        WATCH,
        PACKETS,
        otherwise="nothing",
        commands=_RUNS,
        completes=(PACKETS,),
    ),
    Setting(
        "fail-on-leak",
        values.FLAG,
        "A test that leaves something behind has failed.",
        WATCH,
        otherwise="no",
        commands=_RUNS | _ARMS,
        targets=Targets.WATCHED,
    ),
    Setting(
        "leak-settle",
        values.time(),
        "Time that what a test leaves behind has to end by itself.",
        WATCH,
        "TIME",
        default="100ms",
        commands=_RUNS | _ARMS,
        targets=Targets.WATCHED,
    ),
    Setting(
        "allow-leak",
        values.PATTERNS,
        "What may be left behind: patterns such as thread:*heartbeat*, separated by commas.",
        WATCH,
        "PATTERNS",
        otherwise="none",
        commands=_RUNS | _ARMS,
        targets=Targets.WATCHED,
    ),
    # Provoke
    *(
        Setting(
            name,
            values.perturbation(name, python, is_flag=metavar is None, is_repeated=name == "delay"),
            text,
            PROVOKE,
            metavar,
            otherwise=otherwise,
            commands=_TARGETED | _commands("isolate") | (_WIRE if name == "network" else frozenset()),
        )
        for name, python, metavar, otherwise, text in (
            (
                *("delay", "str | Sequence[str]", "WHERE:TIME", "none"),
                "Pause Python code: at lines of functions, FILE:FUNCTION:1ms..50ms@p=0.1, or at one, FILE:LINE:20ms; "
                "may be repeated, or several with commas between them.",
            ),
            ("race", "bool", None, "no", "Switch threads and tasks often, where it hurts."),
            (
                *("noise", "str", "KIND=N", "none"),
                "Processes that keep the machine busy: cpu=2@30%,io=1,memory=1, or mild, or strong.",
            ),
            ("cpus", "int", "N", "all", "Pin the tests to N CPUs, and the noise with them."),
            ("cpu-quota", "float | str", "SHARE", "all that there is", "Share of a CPU that each test gets, 30%."),
            ("nice", "int", "N", "0", "Have tests leave the CPU to others, 0 to 19."),
            (
                *("freeze", "str", "TIME", "none"),
                "Stop processes of a test for moments, 1ms..50ms@p=0.25, for that share of the time.",
            ),
            (
                *("clock", "str", "WHEN", "the real time"),
                "Another time of day: `boundaries` (before midnight, a year's end, …), +3d, 2024-02-29T23:59:59.9; "
                "or a fast or slow one: x4, x0.25.",
            ),
            ("gc", "int | str", "N|off", "as Python does", "Collect garbage every N allocations, about, or never."),
            (
                *("directory-order", "str", "ORDER", "that of the file system"),
                "The order in which folders are listed: `shuffled` for each test, `sorted` by name, or `oldest` first.",
            ),
            (
                *("max-fds", "int", "N", "as many as the system allows"),
                "Room for N more descriptors in each test.",
            ),
            ("ports", "int", "N", "those of the system", "N ephemeral ports, in a network of its own."),
            (
                *("temp-space", "int | str", "SIZE", "as much as the system has"),
                "Room for so much in each test's temporary folder.",
            ),
            ("reverse", "bool", None, "no", "The tests of each pass from the last to the first."),
            (
                *("hash-seed", "int | str", "N|random", "drawn for each process, unless PYTHONHASHSEED is set"),
                "PYTHONHASHSEED, or `random` for one of each process.",
            ),
            (
                *("random-seed", "int | str", "N|each", "the test's, unless tests seed the generators at import"),
                "What `random`, numpy, uuid4, secrets and os.urandom draw from: the same in each test, or one of each.",
            ),
            ("timezone", "str", "NAME|random", "the machine's", "Time zone, or `random` for nasty ones."),
            ("locale", "str", "NAME|random", "the environment's", "LC_ALL and LANG, or `random` for nasty ones."),
            (
                *("network", "str", "none|FAULTS", "unrestricted"),
                "`none`: nothing but loopback can be reached; or faults of each test's loopback: "
                "delay=20ms,jitter=10ms,loss=1%,reorder=5%,rst=0.1%,bandwidth=1mbit,dns=fail.",
            ),
        )
    ),
    Setting(
        "best-effort",
        values.FLAG,
        "Leave out what is not possible on this machine, and say so.",
        PROVOKE,
        otherwise="no",
        commands=_TARGETED | _commands("isolate"),
    ),
    # What to run
    Setting(
        "keyword",
        values.TEXT,
        "Only tests that match, as for pytest.",
        WHAT,
        "EXPRESSION",
        commands=_TYPED | _commands("isolate") | _WIRE,
        flags=("-k",),
        only_typed=True,
    ),
    Setting(
        "marker",
        values.TEXT,
        "Only tests with these markers, as for pytest.",
        WHAT,
        "EXPRESSION",
        commands=_TYPED | _commands("isolate") | _WIRE,
        flags=("-m",),
        only_typed=True,
    ),
    Setting(
        "pytest-args",
        values.TEXT,
        "Any options of pytest, in one argument.",
        WHAT,
        '"ARG…"',
        otherwise="none",
        commands=_TARGETED | _commands("isolate") | _WIRE,
        targets=Targets.TESTS,
        names_target=True,
    ),
    Setting(
        "shuffle",
        values.FLAG,
        "Another order of the tests in each pass.",
        HOW,
        otherwise="no",
        commands=_RUN | _ARMS | _commands("amplify"),
        targets=Targets.TESTS,
    ),
    Setting(
        "private-home",
        values.FLAG,
        "A home folder of its own for each pass.",
        HOW,
        otherwise="no",
        commands=_TARGETED,
        targets=Targets.TESTS,
    ),
    Setting(
        "private-network",
        values.CHOICE,
        "A network of its own for each test. [if the first binds a fixed port]",
        HOW,
        otherwise="where the first test binds a fixed port and needs no other network",
        commands=_TARGETED,
        flags=("--private-network/--no-private-network",),
    ),
    Setting(
        "session-fixtures",
        values.one_of(lambda: ("each", "once")),
        "With --isolation fork: once sets fixtures of the session up in a process, before its forks.",
        HOW,
        "each|once",
        default="each",
        commands=_RUN | _ARMS,
        targets=Targets.TESTS,
        completes=("each", "once"),
    ),
    Setting(
        "drop-failed",
        values.FLAG,
        "Do not repeat a test that has failed once.",
        HOW_MUCH,
        otherwise="no",
        commands=_RUN,
    ),
    # What counts as a failure, and what to run
    Setting(
        "skip-code",
        values.whole(1, 255),
        "Exit status that means skipped, e.g. 125.",
        COUNTS,
        "N",
        otherwise="none",
        commands=_TARGETED,
        targets=Targets.COMMANDS,
    ),
    Setting(
        "results",
        values.TEXT,
        "JUnit XML that each test writes, as a glob: the tests in it count by themselves; `none` to read none.",
        COUNTS,
        "GLOB",
        otherwise="where a known runner writes it",
        commands=_TARGETED,
        targets=Targets.COMMANDS,
    ),
    Setting(
        "failure",
        values.EXPRESSION,
        "Count only failures whose output matches.",
        COUNTS,
        "RE",
        otherwise="none",
        commands=_TARGETED,
        targets=Targets.COMMANDS,
    ),
    Setting(
        "ignore",
        values.EXPRESSION,
        "Do not count failures whose output matches.",
        COUNTS,
        "RE",
        otherwise="none",
        commands=_TARGETED,
        targets=Targets.COMMANDS,
    ),
    Setting(
        "cwd",
        values.PATH,
        "Folder in which the command runs.",
        WHAT,
        "DIR",
        otherwise="the current folder",
        commands=_TARGETED | _commands("fdtrace") | _WIRE,
        targets=Targets.COMMANDS,
        is_path=True,
        names_target=True,
    ),
    Setting(
        "env",
        values.TEXTS,
        "Variable for the command, `NAME` with its present value; may be repeated.",
        WHAT,
        "NAME=VALUE",
        commands=_TYPED | _commands("fdtrace", "replay") | _WIRE,
        only_typed=True,
    ),
    Setting(
        "shell",
        values.FLAG,
        "What follows -- is one line for /bin/sh.",
        WHAT,
        commands=_TYPED | _WIRE,
        only_typed=True,
    ),
    Setting(
        "tolerate-load-failures",
        values.FLAG,
        "Processes that cannot load the target count for nothing, as long as others can.",
        COUNTS,
        otherwise="no",
        commands=_RUN,
        targets=Targets.PYTHON,
    ),
    # Settings of a scenario
    Setting(
        "server",
        values.WRITTEN,
        "fixed, or leaky: before the fix.",
        SCENARIO,
        "NAME",
        otherwise="fixed",
        commands=_TARGETED | _commands("stress") | _WIRE,
        targets=Targets.FUNCTIONS,
        names_target=True,
    ),
    Setting(
        "settle",
        values.WRITTEN,
        "Wait between dial and write; 0ms provokes. [5ms]",
        SCENARIO,
        "TIME",
        otherwise="5ms",
        commands=_TARGETED | _commands("stress") | _WIRE,
        targets=Targets.FUNCTIONS,
        names_target=True,
    ),
    Setting(
        "io",
        values.WRITTEN,
        "Whether `tcprtt` uses asyncio or threads.",
        SCENARIO,
        otherwise="asyncio",
        targets=Targets.FUNCTIONS,
    ),
    Setting(
        "monitor",
        values.WRITTEN,
        "packets: measure round trips from packets, too, and hold them against TCP_INFO.",
        SCENARIO,
        "none|packets",
        otherwise="none",
        commands=_TARGETED | _commands("stress"),
        targets=Targets.FUNCTIONS,
        completes=("none", "packets"),
        names_target=True,
    ),
    Setting(
        "set",
        values.TEXTS,
        "Any setting of the scenario, e.g. io=threads.",
        SCENARIO,
        "NAME=VALUE",
        commands=_TYPED | _commands("stress") | _WIRE,
        argument="set_",
        only_typed=True,
        names_target=True,
    ),
    # Reports
    Setting(
        "ci-rate",
        values.RATE,
        "Failure rate seen in CI, for the failures to expect.",
        SCENARIO,
        "RATE",
        otherwise="the scenario's, else none",
        commands=_RUNS,
    ),
    Setting(
        "junit-xml",
        values.PATH,
        "Write JUnit XML, one case per test; - is stdout.",
        REPORTS,
        "FILE",
        otherwise="not written",
        commands=_RUNS | _commands("replay", "report", "merge"),
        is_path=True,
        of_run=True,
    ),
    Setting(
        "json",
        values.PATH,
        "Write the summary as JSON; - is stdout.",
        REPORTS,
        "FILE",
        otherwise="not written",
        commands=_FOUND | _commands("ci", "history") | _WIRE,
        uses={name: Use(_OUTPUT_FILE) for name in ("fdtrace", "ci", "history", "wire")},
        is_path=True,
        of_run=True,
    ),
    Setting(
        "markdown",
        values.PATH,
        "Write Markdown for a pull request; - is stdout.",
        REPORTS,
        "FILE",
        otherwise="not written",
        commands=_FOUND | _commands("config", "history"),
        is_path=True,
        of_run=True,
    ),
    Setting(
        "html",
        values.PATH,
        "Write a page for a browser, with pictures; - is stdout.",
        REPORTS,
        "FILE",
        otherwise="not written",
        commands=_FOUND | _commands("ci", "history") | _WIRE,
        is_path=True,
        of_run=True,
    ),
    Setting(
        "store",
        values.PATH,
        "Where runs are recorded. [.flakeproof]",
        REPORTS,
        "DIR",
        otherwise=".flakeproof beside pyproject.toml",
        commands=(_FOUND | _commands("config", "clean", "show", "runs", "history", "quarantine", "dashboard"))
        - _commands("fdtrace"),
        of_project=True,
        is_path=True,
    ),
    Setting(
        "history",
        values.HISTORY,
        "Add each run to the history: `yes` for .flakeproof/history.db, a file, or postgresql://…",
        REPORTS,
        "WHERE",
        otherwise="no",
        commands=_RUNS | _commands("history", "quarantine", "dashboard"),
        uses=dict.fromkeys(
            ("history", "quarantine", "dashboard"),
            Use("Where the history is: a file, or postgresql://… [.flakeproof/history.db]"),
        ),
        of_project=True,
        is_path=True,
        of_run=True,
    ),
    Setting(
        "color-output",
        values.FLAG,
        "Keep the colours of what tests print, on a terminal.",
        REPORTS,
        otherwise="no",
        commands=_commands("run", "gate", "config", "replay"),
    ),
    Setting(
        "quiet",
        values.FLAG,
        "Print the verdict alone.",
        REPORTS,
        commands=_commands("run", "gate", "stress"),
        flags=("-q", "--quiet"),
        only_typed=True,
    ),
    Setting(
        "verbose",
        values.FLAG,
        "Print every failure, all of it, and how numbers were computed.",
        REPORTS,
        commands=_commands("run", "gate", "stress", "diagnose", "isolate", "ci", "history"),
        flags=("-v", "--verbose"),
        only_typed=True,
    ),
    Setting(
        "keep-runs",
        values.whole(1, 1_000_000),
        "Runs whose records are kept.",
        REPORTS,
        "N",
        default="50",
        of_project=True,
    ),
)

TABLE: dict[str, Setting] = {row.name: row for row in _ROWS}
"""By name, in the order in which they are shown."""


def settings() -> dict[str, Setting]:
    """The rows that are settings, and not only options."""
    return {name: row for name, row in TABLE.items() if not row.only_typed}


def options_of(command: str) -> list[Setting]:
    """The rows that are options of a command."""
    return [row for row in TABLE.values() if command in row.commands]


def default_of(name: str, command: str = "") -> Any:
    """The default of an option, which may be another one in a `command`; None where there is no such value."""
    row = TABLE[name]
    use = row.uses.get(command)
    text = (use.default if use is not None else "") or row.default
    return row.value.parse(text) if text else None


def by_argument(name: str) -> Setting | None:
    """The row that has this name among the arguments of a command."""
    return next((row for row in TABLE.values() if row.argument_name == name), None)
