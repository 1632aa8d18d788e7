"""Runs pytest as a CI job did, in fresh processes, and tells how each test ended and how it failed."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

import flakeproof_worker
from flakeproof.clock import monotonic_ns
from flakeproof.engine.execute import execute
from flakeproof.errors import CannotRunError, Stop, is_signal
from flakeproof.events import AnyEvent, RunEnded, TrialFailed
from flakeproof.features.ci.case import Symptom
from flakeproof.features.ci.place import CiPlace
from flakeproof.features.ci.pytest_log import MAIN
from flakeproof.features.ci.symptoms import alike, symptom
from flakeproof.model import Outcome
from flakeproof.settings.build_spec import build
from flakeproof.settings.from_options import settings
from flakeproof.targets.command import CommandLine

PLUGIN = "flakeproof_ci_schedule"
_SOURCE = Path(flakeproof_worker.__file__).with_name("ci_schedule.py")
_SCHEDULE, _REPORT, _PATH = "FLAKEPROOF_CI_SCHEDULE", "FLAKEPROOF_CI_REPORT", "PYTHONPATH"
_COLLECTION = 120.0
_LEAST_LIMIT = 20.0


class SearchStoppedError(Exception):
    """A signal has ended it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PytestPlan(msgspec.Struct, frozen=True):
    """How pytest is started."""

    options: tuple[str, ...] = ()
    """Of pytest."""
    orders: dict[str, list[str]] = {}
    """For each worker the tests that it runs; `main` for a pytest without workers; none for what pytest does."""
    until: str = ""
    """The test after which nothing matters."""
    variables: dict[str, str] = {}
    settings: dict[str, str] = {}
    """Of flakeproof: what is done to the machine."""

    def with_variables(self, **variables: str) -> "PytestPlan":
        """The same with more of them."""
        return msgspec.structs.replace(self, variables={**self.variables, **variables})


@dataclass
class Attempt:
    """One time that pytest ran."""

    seconds: float = 0.0
    has_ended: bool = False
    """Whether pytest came to its end."""
    is_over_time: bool = False
    """Whether it was ended for taking too long: then nothing is known of the test that was in flight."""
    failures: list[tuple[str, Symptom]] = field(default_factory=list)
    outcomes: dict[str, str] = field(default_factory=dict)
    collected: list[str] = field(default_factory=list)
    plugins: list[str] = field(default_factory=list)
    python: str = ""
    """Version of the interpreter."""
    orders: dict[str, list[str]] = field(default_factory=dict)
    """What each worker ran, in its order; `main` where there are none."""
    last: str = ""
    """The test that was begun last."""
    output: str = ""

    @property
    def problem(self) -> str:
        """The last line that it wrote, for a pytest that did not come to run anything."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        told = [line for line in lines if line.startswith(("ERROR", "E  ", "INTERNALERROR", "pytest: error"))]
        return (told or lines or [""])[-1]


class Attempts:
    """Makes them, in one place, until the time is over."""

    def __init__(self, place: CiPlace, temporary: Path, seconds: float) -> None:
        """`seconds` is the whole time; files are kept in `temporary`."""
        self.place = place
        self._folder = temporary / "ci"
        self._folder.mkdir()
        shutil.copyfile(_SOURCE, self._folder / f"{PLUGIN}.py")
        self._started = monotonic_ns()
        self.seconds = seconds
        self.made = 0
        self._usual = 0.0
        self.stopped: str | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return (monotonic_ns() - self._started) / 1e9

    @property
    def left(self) -> float:
        """Seconds."""
        return max(0.0, self.seconds - self.elapsed)

    def collect(self) -> Attempt:
        """What pytest collects, and which plugins it has. Raises CannotRunError where it cannot."""
        found = self.run(PytestPlan(options=("--collect-only", "-q")), limit=_COLLECTION)
        if not found.collected:
            raise CannotRunError(
                f"pytest collects nothing in {self.place.folder}: {found.problem or 'it wrote nothing'}",
                f"it was run with {self.place.python} ({self.place.python_from}); --python names another one",
                found.output[-2000:],
            )
        return found

    def run(self, plan: PytestPlan, *, limit: float | None = None) -> Attempt:
        """Run pytest once in a fresh process. Raises SearchStoppedError."""
        self.made += 1
        reports = self._folder / f"report-{self.made}"
        reports.mkdir()
        schedule = self.write_schedule(plan, self._folder / f"schedule-{self.made}.json")
        variables = {**self.variables(plan, self._folder, schedule), _REPORT: str(reports)}
        line = CommandLine([*self.words(plan)], environment=variables)
        limit = limit or min(max(_LEAST_LIMIT, 20 * self._usual), max(self.left, _LEAST_LIMIT))
        asked = {**plan.settings, "best-effort": "yes"} if plan.settings else {}
        spec = build(line, settings(asked), {}, self.place.folder).bare(
            count=1, workers=1, processes=1, timeout=limit, adapts_timeout=False, private_network=False
        )
        result = Attempt()
        ended: list[RunEnded] = []

        def hear(event: AnyEvent) -> None:
            match event:
                case TrialFailed():
                    result.output = event.failure.output or event.failure.message
                    result.is_over_time = event.failure.outcome is Outcome.TIMED_OUT
                    result.seconds = event.failure.duration
                case RunEnded():
                    ended.append(event)

        before = monotonic_ns()
        execute(spec, f"ci-{self.made}", reports, [hear], None)
        result.seconds = result.seconds or (monotonic_ns() - before) / 1e9
        if ended and is_signal(ended[0].stopped):
            self.stopped = ended[0].stopped
            raise SearchStoppedError(ended[0].stopped)
        for path in sorted(reports.glob("*.jsonl")):
            _read(path, result)
        self._usual = max(self._usual, result.seconds) if result.has_ended else self._usual
        shutil.rmtree(reports, ignore_errors=True)
        if schedule is not None:
            schedule.unlink(missing_ok=True)
        return result

    def words(self, plan: PytestPlan) -> list[str]:
        """The command, without its variables."""
        return [self.place.python, "-m", "pytest", "-p", PLUGIN, "-p", "no:cacheprovider", *plan.options]

    def write_schedule(self, plan: PytestPlan, file: Path) -> Path | None:
        """The file that the plugin reads; None where there is nothing to say."""
        if not plan.orders and not plan.until:
            return None
        file.write_text(json.dumps({"until": plan.until, "workers": plan.orders}), encoding="utf-8")
        return file

    def variables(self, plan: PytestPlan, folder: Path, schedule: Path | None) -> dict[str, str]:
        """Those of a command whose plugin is in `folder`."""
        before = self.place.environment.get(_PATH) or os.environ.get(_PATH, "")
        path = os.pathsep.join(filter(None, [str(folder), before]))
        found = {**plan.variables, _PATH: path}
        return {**found, _SCHEDULE: str(schedule)} if schedule is not None else found

    def keep(self, plan: PytestPlan, folder: Path) -> list[str]:
        """Write what the command needs into `folder`, to stay; the words of the command for a shell."""
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_SOURCE, folder / f"{PLUGIN}.py")
        schedule = self.write_schedule(plan, folder / "schedule.json")
        # A worktree goes: what leads into it is for one that is made anew, in which the command is typed.
        paths = [os.path.relpath(path, self.place.folder) for path in self.place.paths]
        variables = {**plan.variables, _PATH: os.pathsep.join([str(folder), *paths])}
        if schedule is not None:
            variables[_SCHEDULE] = str(schedule)
        return ["env", *(f"{name}={value}" for name, value in variables.items()), *self.words(plan)]

    def stop(self, reason: Stop) -> None:
        """A signal."""
        self.stopped = reason.value


def fits(attempt: Attempt, test: str, wanted: Symptom) -> bool | None:
    """Whether `test` failed in it as in CI; None if it has no outcome, or failed otherwise."""
    own = [one for name, one in attempt.failures if name == test]
    if any(alike(one, wanted) for one in own):
        return True
    return None if own or test not in attempt.outcomes else False


def _read(path: Path, into: Attempt) -> None:
    running: dict[str, None] = {}
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                event: Mapping[str, object] = json.loads(line)
            except ValueError:
                continue  # it died while it wrote that
            if "collected" in event:
                into.collected = _texts(event["collected"])
                into.plugins = _texts(event.get("plugins"))
                into.python = str(event.get("python", ""))
            elif "ended" in event:
                into.has_ended = True
            elif "started" in event:
                into.last = str(event["started"])
                running[into.last] = None
            elif "test" in event:
                _outcome(event, into)
                running.pop(str(event["test"]), None)
    if running and not into.has_ended and not into.is_over_time:
        test = next(reversed(running))
        into.outcomes[test] = "failed"
        into.failures.append((test, Symptom(message=f"worker crashed while running {test}", phase="crash")))


def _outcome(event: Mapping[str, object], into: Attempt) -> None:
    test, outcome, phase = str(event["test"]), str(event.get("outcome")), str(event.get("phase"))
    if outcome == "failed":
        message = str(event.get("message", ""))
        told = symptom(message, phase)
        if phase == "crash":
            told = Symptom(message=f"worker crashed while running {test}", phase=phase)
        into.failures.append((test, told))
    if phase != "collect":
        order = into.orders.setdefault(str(event.get("worker") or MAIN), [])
        if not order or order[-1] != test:
            order.append(test)
    if into.outcomes.get(test) != "failed":
        into.outcomes[test] = outcome


def _texts(found: object) -> list[str]:
    return [str(one) for one in found] if isinstance(found, list) else []
