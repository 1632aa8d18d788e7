"""Where commits are tried: checkouts that are kept ready, their builds, and the trials in them."""

import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from flakeproof.clock import monotonic_ns
from flakeproof.engine.endings import TrialCounts
from flakeproof.engine.execute import execute
from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.errors import CannotRunError, FlakeproofError, StoppedError, is_signal
from flakeproof.events import AnyEvent, LoadFailed, TrialFailed, TrialSkipped
from flakeproof.features.compare.records import ComparisonArm
from flakeproof.features.compare.verify_command import arm_at
from flakeproof.features.onset.following import follow
from flakeproof.features.onset.records import BisectSpec, Skipped, Visited
from flakeproof.features.onset.search import READY, Visit
from flakeproof.revisions.checkout import build, checked_out
from flakeproof.revisions.git import Git
from flakeproof.revisions.repository import Repository
from flakeproof.targets import interpreter
from flakeproof.targets.command import CommandLine
from flakeproof.targets.tests import PytestLine
from flakeproof.text import one_line

_CANNOT_BE_TESTED = 125
"""Exit status of a command that says so, as for `git bisect run`."""


@dataclass(frozen=True)
class _Ready:
    """A commit that can be tried."""

    arm: ComparisonArm
    stack: ExitStack
    """Its checkout."""


class CommitBench:
    """Makes commits ready and tries them."""

    def __init__(
        self,
        spec: BisectSpec,
        wanted: str | CommandLine | PytestLine,
        given: Mapping[str, Any],
        repository: Repository,
        parent: Path,
        limit: float,
        note: Callable[[str], None],
    ) -> None:
        """Checkouts go below `parent`; a build may take `limit` seconds; `note` hears what people should know."""
        self._spec = spec
        self._wanted = wanted
        self._given = given
        self._repository = repository
        self._parent = parent
        self._limit = limit
        self._ready: OrderedDict[str, _Ready] = OrderedDict()
        self._note = note
        self._gone: set[str] = set()
        """Pauses of which it has been said that their line is not everywhere."""

    def close(self) -> None:
        """Remove all checkouts."""
        while self._ready:
            self._ready.popitem()[1].stack.close()

    def visit(self, visit: Visit, first: int, seconds: float, *, must: bool) -> Visited | Skipped:
        """Try a commit with trials numbered from `first`, for so many `seconds` at most.

        A commit that cannot be tried is skipped; one that `must` be raises what hinders it. Raises StoppedError after a
        signal.
        """
        started = monotonic_ns()
        was_ready = visit.commit in self._ready
        try:
            ended = self._run(self.arm(visit.commit, visit.commit[:12]), visit, first, seconds)
            if not ended.trials or ended.cannot_be_tested:
                raise CannotRunError(ended.hindrance)
        except FlakeproofError as error:
            if must:
                raise
            took = (monotonic_ns() - started) / 1e9
            return Skipped(commit=visit.commit, reason=one_line(error.message), seconds=took)
        took = (monotonic_ns() - started) / 1e9
        return Visited(
            commit=visit.commit,
            asked=visit.trials,
            passed=ended.trials - len(ended.failed),
            failures=[sorted(names) for names in ended.failed.values()],
            message=ended.message,
            ready=max(0.0, took - ended.elapsed),
            was_ready=was_ready,
            seconds=ended.elapsed,
            bits=visit.bits,
        )

    def arm(self, commit: str, name: str) -> ComparisonArm:
        """How a commit is run, checked out and built; one that was used long ago makes room.

        Raises FlakeproofError where it cannot be.
        """
        if commit not in self._ready:
            while len(self._ready) >= READY:
                self._ready.popitem(last=False)[1].stack.close()
            self._ready[commit] = self._made(commit)
        self._ready.move_to_end(commit)
        return msgspec.structs.replace(self._ready[commit].arm, name=name)

    def _made(self, commit: str) -> _Ready:
        with ExitStack() as stack:
            what = {self._spec.bad: "bad end", self._spec.good: "good end"}.get(commit, "commit")
            name = f"{what} {commit[:12]}"
            folder = stack.enter_context(checked_out(self._repository, commit, self._parent))
            if self._spec.tests_from:
                words = ("checkout", self._spec.tests_from, "--", *self._spec.test_paths)
                what = f"put the tests of {self._spec.tests_from[:12]} into {name}"
                Git(folder).do(what, *words)
            environment, home = dict(os.environ), Path.cwd()
            if self._spec.sync:
                environment.pop("VIRTUAL_ENV", None)  # what the command makes is meant, and not what is active here
                build(name, self._spec.sync, folder, {}, limit=self._limit)
                home = folder
            for_tests = isinstance(self._wanted, PytestLine)
            python = interpreter.choose(self._given["python"], home, environment, for_tests=for_tests)
            given = self._given_at(commit, folder)
            arm = arm_at(
                *(name, self._wanted, given, self._repository, folder, commit, self._spec.seed, python),
                limit=self._limit,
            )
            return _Ready(arm, stack.pop_all())

    def _given_at(self, commit: str, folder: Path) -> Mapping[str, Any]:
        """The options for a commit: the lines at which there are pauses may be elsewhere in it, or not be there."""
        delays = self._given["delay"]
        if not delays or commit == self._spec.bad:
            return self._given
        found = follow(delays, self._spec.bad, commit, self._repository.top(folder))
        for delay in found.gone:
            if delay not in self._gone:
                self._gone.add(delay)
                self._note(f"--delay {delay}: that line is not in commit {commit[:12]}; there is no such pause there")
        return {**self._given, "delay": found.delays}

    def _run(self, arm: ComparisonArm, visit: Visit, first: int, seconds: float) -> "_Ended":
        most = 1 if visit.stops else None
        spec = arm.spec.bare(count=visit.trials, duration=seconds, max_failures=most, first=first, first_process=first)
        ended = _Ended()
        with temporary_root() as folder:
            execute(spec, f"bisect-{first}", Path(folder), [ended.add], None)
        if is_signal(ended.stopped):
            raise StoppedError(ended.stopped)
        return ended


class _Ended(TrialCounts):
    """Knows also what hinders a commit from being tried, in words."""

    def __init__(self) -> None:
        super().__init__()
        self.message = ""
        self.cannot_be_tested = False
        self._reason = ""

    @property
    def hindrance(self) -> str:
        """Why there is no result."""
        if self.cannot_be_tested:
            return f"exit status {_CANNOT_BE_TESTED}: it cannot be tested"
        return self._reason or "no test had a result"

    def add(self, event: AnyEvent) -> None:
        super().add(event)
        match event:
            case TrialFailed():
                self.message = self.message or event.failure.message
                exit_code = event.failure.details.get("exit_code")
                self.cannot_be_tested = self.cannot_be_tested or exit_code == _CANNOT_BE_TESTED
            case TrialSkipped():
                self._reason = self._reason or f"the test is skipped there: {event.reason}"
            case LoadFailed():
                self._reason = self._reason or event.failure.message
