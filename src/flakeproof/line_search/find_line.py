"""Where a pause makes a target fail, or keeps it from failing: the line, the length, and the rates with and without."""

import shlex
from collections.abc import Callable, Collection
from pathlib import Path

from flakeproof.errors import StoppedError, UsageError
from flakeproof.failures.signature import Alike
from flakeproof.line_search.probes import Probes
from flakeproof.line_search.strategy import ERROR, PAUSES, Confirmed, search
from flakeproof.model import CommandTarget, Delay, Record, RunSpec
from flakeproof.perturbations.pauses import name_of, written_delay
from flakeproof.stats.intervals import clopper_pearson
from flakeproof.text import duration, rate, short_duration, shown_path

BUDGET = 45.0
"""Seconds."""


class DelayRate(Record, frozen=True, kw_only=True):
    """A failure rate, with the interval of Clopper and Pearson."""

    failures: int
    trials: int
    low: float
    high: float
    confidence: float

    @property
    def text(self) -> str:
        """For people."""
        if not self.trials:
            return "unknown"
        return f"{rate(self.failures / self.trials)} ({rate(self.low)} to {rate(self.high)})"


class DelayedLine(Record, frozen=True, kw_only=True):
    """A line at which a pause matters; this has been shown in trials that were not used to find it."""

    file: str
    line: int
    function: str
    seconds: float
    """Of the pause."""
    probability: float
    """Of a pause each time that the line is reached."""
    raises: bool
    """Whether trials fail more often with the pause; else they fail less often."""
    with_pause: DelayRate
    without_pause: DelayRate
    chance: float
    """Probability of so clear a difference if the pause did not matter, corrected for all lines and lengths tried."""
    units: int
    """Threads, tasks and processes of one trial that execute the line, at most."""
    delay: str
    """What repeats it, as a value of `--delay`."""

    @property
    def place(self) -> str:
        """`file:line`, the file as it is shown to people."""
        return f"{shown_path(self.file)}:{self.line}"

    @property
    def sentence(self) -> str:
        """What has been found, for people."""
        often = "" if self.probability == 1 else f" in {rate(self.probability)} of its executions"
        does = "makes it fail in" if self.raises else "lowers the failures to"
        return (
            f"A pause of {short_duration(self.seconds)} at {self.place} ({self.function}){often} {does} "
            f"{self.with_pause.text} of tests, without it {self.without_pause.text}"
        )

    @property
    def option(self) -> str:
        """What repeats it, as an option of `run`."""
        return f"--delay {shlex.quote(self.delay)}"


class DelayFinding(Record, frozen=True, kw_only=True):
    """What a search for a line has come to."""

    lines: list[DelayedLine]
    """The best first; none where no pause matters, as far as has been looked."""
    base: DelayRate
    """Without any pause."""
    candidates: int
    """Lines of the project's own code that trials execute."""
    pauses: list[float]
    """Lengths that have been tried at all of them, in seconds."""
    signatures: list[str]
    """What counted as a failure."""
    others: dict[str, int]
    """Other failures that were seen in the search, and how often: not the same flake."""
    trials: int
    """That have been run in all."""
    seconds: float
    out_of_time: bool
    """Whether the budget has ended the search."""

    @property
    def line(self) -> DelayedLine | None:
        """The best."""
        return self.lines[0] if self.lines else None

    @property
    def sentence(self) -> str:
        """What has been found, for people."""
        if self.lines:
            return self.lines[0].sentence
        if not self.candidates:
            return "No line of the project's own Python code was seen to run: there is nothing to pause at"
        tried = ", ".join(short_duration(pause) for pause in self.pauses)
        tested = f"{self.trials:,} tests in {duration(self.seconds)}"
        if not tried:
            return f"The time was too short to try pauses at {self.candidates} lines ({tested})"
        cut = f"; there was no time for longer ones (up to {short_duration(PAUSES[-1])})" if self.out_of_time else ""
        return f"No pause at one of {self.candidates} lines was seen to matter ({tried}; {tested}){cut}"


def find_line(
    spec: RunSpec,
    *,
    budget: float = BUDGET,
    signatures: Collection[str] = (),
    error: float = ERROR,
    say: Callable[[str], None] = lambda text: None,
    only_where_met: bool = False,
) -> DelayFinding:
    """Find the line of the project's own code at which a pause makes the target fail, or keeps it from failing.

    Only failures with one of these `signatures` count (patterns, see `Alike`); without any, those that the target fails
    with when nothing is paused, or, should it never do so, the first that pauses bring about. `budget` is in seconds,
    and kept roughly. `error` is the probability with which a line may be named although no pause there matters. `say`
    hears how it goes on, in sentences. No record is kept of the trials. Lines at which threads and tasks meet come
    first; with `only_where_met` no others follow.

    Where trials share processes, each gets one to itself while it runs: only then it is known which trial a thread
    belongs to. A pause is at one line at a time when it is confirmed; lines that matter only together are not found.

    Raises UsageError for commands, CannotRunError if the target cannot be run, KeyboardInterrupt if SIGINT or SIGTERM
    has ended the search.
    """
    if isinstance(spec.target, CommandTarget):
        raise UsageError(
            "pauses at lines are for Python functions and tests, and this is a command",
            "name the function or the tests that it runs",
        )
    probes = Probes(spec, budget, Alike(signatures))
    try:
        places = probes.places()
        say(f"{len(places)} lines of the project's own code are executed")
        found = search(places, probes, signatures, say, error, only_where_met=only_where_met)
    except StoppedError as stopped:
        raise KeyboardInterrupt(stopped.reason) from None
    names = {file: name_of(Path(file), spec.target) for file in {line.place.file for line in found.lines}}
    return DelayFinding(
        lines=[_described(line, names[line.place.file]) for line in found.lines],
        base=_rate(found.base_failures, found.base_trials),
        candidates=len(places),
        pauses=found.pauses,
        signatures=sorted(found.signatures),
        others={name: count for name, count in sorted(probes.seen.items()) if name not in found.signatures},
        trials=probes.trials,
        seconds=probes.seconds,
        out_of_time=found.out_of_time,
    )


def _described(line: Confirmed, name: str) -> DelayedLine:
    """For people; `name` is what the file is called in a delay."""
    chance = float(f"{line.probability:.3g}")
    delay = Delay(file=name, where=str(line.place.line), least=line.seconds, most=line.seconds, probability=chance)
    return DelayedLine(
        file=str(Path(line.place.file)),
        line=line.place.line,
        function=line.place.function,
        seconds=line.seconds,
        probability=line.probability,
        raises=line.raises,
        with_pause=_rate(line.active_failures, line.active),
        without_pause=_rate(line.idle_failures, line.idle),
        chance=line.chance,
        units=line.place.units,
        delay=written_delay(delay),
    )


def _rate(failures: int, trials: int) -> DelayRate:
    interval = clopper_pearson(failures, trials)
    return DelayRate(
        failures=failures, trials=trials, low=interval.low, high=interval.high, confidence=interval.confidence
    )
