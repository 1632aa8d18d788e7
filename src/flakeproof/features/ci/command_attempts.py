"""Runs a command as a CI job did and reads what it leaves, with the same readers that have read the job's artifacts."""

import re
import shlex
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from flakeproof.clock import monotonic_ns
from flakeproof.engine.execute import execute
from flakeproof.errors import Stop, UsageError, is_signal
from flakeproof.events import AnyEvent, RunEnded, TrialFailed, TrialsPassed
from flakeproof.failures.runners.report import ProgramOutput
from flakeproof.features.ci.artifacts import artifacts
from flakeproof.features.ci.attempts import Attempt, SearchStoppedError
from flakeproof.features.ci.case import Case, CaseFailure
from flakeproof.features.ci.names import same
from flakeproof.features.ci.place import CiPlace
from flakeproof.features.ci.reading import cases
from flakeproof.features.ci.runner_commands import RunnerCommands
from flakeproof.settings.build_spec import build
from flakeproof.settings.from_options import settings
from flakeproof.targets.command import CommandLine

_FIRST_LIMIT = 300.0
"""Seconds for an attempt before any has ended: it may have to build."""
_LEAST_LIMIT = 60.0
_FOR_US = ("-json",)
"""Words that only make an output easier to read for a program."""


class CommandPlan(msgspec.Struct, frozen=True):
    """How the command is started."""

    words: tuple[str, ...]
    variables: dict[str, str] = {}
    settings: dict[str, str] = {}
    """Of flakeproof: what is done to the machine."""


class CommandAttempts:
    """Makes them, in one place, until the time is over."""

    def __init__(self, place: CiPlace, commands: RunnerCommands, runner: str, temporary: Path, seconds: float) -> None:
        """`seconds` is the whole time; files are kept in `temporary`."""
        self.place = place
        self._commands = commands
        self._runner = runner
        self._folder = temporary / "ci"
        self._folder.mkdir()
        self._started = monotonic_ns()
        self.seconds = seconds
        self.made = 0
        self._usual = 0.0
        self.problem = ""
        """The last line of an attempt that told nothing of the test."""

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return (monotonic_ns() - self._started) / 1e9

    @property
    def left(self) -> float:
        """Seconds."""
        return max(0.0, self.seconds - self.elapsed)

    def run(self, plan: CommandPlan, failure: CaseFailure) -> Attempt:
        """Run it once; the outcome of the test that failed in CI. Raises SearchStoppedError."""
        self.made += 1
        output = self._folder / f"output-{self.made}"
        # Written to a file of its own, so that all of it can be read.
        words = ["/bin/sh", "-c", 'exec "$@" >"$0" 2>&1', str(output), *plan.words]
        limit = max(_LEAST_LIMIT, 20 * self._usual) if self._usual else _FIRST_LIMIT
        asked = {**plan.settings, "best-effort": "yes"} if plan.settings else {}
        line = CommandLine(words, environment=dict(plan.variables))
        spec = build(line, settings(asked), {}, self.place.folder).bare(
            count=1,
            workers=1,
            processes=1,
            timeout=max(_LEAST_LIMIT, min(limit, self.left)),
            adapts_timeout=False,
            private_network=False,
        )
        before = dict(self._reports())
        ended: list[AnyEvent] = []
        begun = monotonic_ns()
        execute(spec, f"ci-{self.made}", self._folder, [ended.append], None)
        attempt = Attempt(seconds=(monotonic_ns() - begun) / 1e9)
        for event in ended:
            if isinstance(event, RunEnded) and is_signal(event.stopped):
                raise SearchStoppedError(Stop(event.stopped).value)
        has_passed = any(isinstance(event, TrialsPassed) for event in ended)
        attempt.has_ended = has_passed or any(
            isinstance(event, TrialFailed) and event.failure.outcome.value == "failed" for event in ended
        )
        if attempt.has_ended:
            self._usual = max(self._usual, attempt.seconds)
        written = [path for path, state in self._reports() if before.get(path) != state]
        self._read(attempt, written, output, failure, has_passed=has_passed)
        output.unlink(missing_ok=True)
        return attempt

    def _reports(self) -> Iterable[tuple[Path, tuple[int, int]]]:
        if not self._commands.results:
            return
        for path in sorted(self.place.folder.glob(self._commands.results)):
            with suppress(OSError):
                status = path.stat()
                yield path, (status.st_mtime_ns, status.st_ctime_ns)

    def _read(
        self, attempt: Attempt, written: list[Path], output: Path, failure: CaseFailure, *, has_passed: bool
    ) -> None:
        text = output.read_text(errors="replace") if output.exists() else ""
        attempt.output = text[-2_000:]
        case = _case(written or [output])
        test = failure.test
        own = [one for one in case.failures if same(self._runner, one.test, test)] if case is not None else []
        attempt.failures = [(test, one.symptom) for one in own]
        if own:
            attempt.outcomes[test] = "failed"
        elif self._has_run(case, text, test, has_passed=has_passed):
            attempt.outcomes[test] = "passed"
        else:
            self.problem = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")

    def _has_run(self, case: Case | None, text: str, test: str, *, has_passed: bool) -> bool:
        """Whether a test that did not fail came to run."""
        named = [name for one in case.histories for name in one.tests] if case is not None else []
        if named:
            return any(same(self._runner, name, test) for name in named)
        if not self._commands.counted:
            return False
        plain = ProgramOutput(text).text  # many show colours where CI is set
        passed = sum(int(number) for number in re.findall(self._commands.counted, plain, re.MULTILINE))
        return passed > 0 and (has_passed or case is not None)


def _case(files: list[Path]) -> Case | None:
    try:
        return next(iter(cases([one for path in files for one in artifacts(str(path))])), None)
    except UsageError:
        return None


def typed(place: CiPlace, plan: CommandPlan, name: str) -> str:
    """The command for a shell; `name` is how flakeproof is called."""
    words = [word for word in plan.words if word not in _FOR_US]
    assigned = [f"{variable}={value}" for variable, value in plan.variables.items()]
    if not plan.settings:
        return place.typed + shlex.join([*(["env", *assigned] if assigned else []), *words])
    options = [word for option, value in plan.settings.items() for word in (f"--{option}", value)]
    variables = [word for pair in assigned for word in ("--env", pair)]
    return place.typed + shlex.join([name, "run", "-c", "10", *options, *variables, "--", *words])


def brought(place: CiPlace, commands: RunnerCommands, home: Path) -> list[str]:
    """Have in a worktree what the runner needs and git does not keep; in words what came from elsewhere."""
    notes = []
    for name in commands.files if place.commit else ():
        target = place.folder / name
        if (home / name).exists() and not target.exists():
            target.symlink_to(home / name)
            notes.append(f"{name} is the one that is here, not that of the commit")
    return notes
