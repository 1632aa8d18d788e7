"""From a case of a runner other than pytest to a command that fails as the job did, or to a bound."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.errors import CannotRunError
from flakeproof.features.ci.attempts import SearchStoppedError
from flakeproof.features.ci.case import Case
from flakeproof.features.ci.command_attempts import CommandAttempts, CommandPlan, brought, typed
from flakeproof.features.ci.command_ladder import CommandLadder
from flakeproof.features.ci.driver import CiRequest
from flakeproof.features.ci.ladder import RungTally
from flakeproof.features.ci.place import CiPlace, place_of
from flakeproof.features.ci.records import CiReproduction, CiVerdict, Rung, exit_code
from flakeproof.features.ci.runner_commands import COMMANDS, PROCESS_OF_ITS_OWN
from flakeproof.settings.from_options import command_name
from flakeproof.text import plural
from flakeproof.version import __version__

_CHECK = 3
_SURE = 0.8
"""A rate from which on a few attempts tell whether something matters."""


@dataclass
class _Progress:
    """What has been found so far."""

    verdict: CiVerdict = CiVerdict.NOT_REPRODUCED
    command: str = ""
    rate: Rung | None = None
    conditions: list[str] = field(default_factory=list)
    next_commands: list[str] = field(default_factory=list)
    stopped: str | None = None
    first_failure: float | None = None


def reproduce_command(request: CiRequest, say: Callable[[str], None]) -> CiReproduction:
    """Climb the ladder within the time; `say` hears how it goes on. A signal ends it with what is known.

    Raises CannotRunError where the runner tells nothing of the test.
    """
    with temporary_root() as temporary:
        parent, home = Path(temporary), Path.cwd()
        with place_of(request.case, home, request.python, parent) as place:
            commands = COMMANDS[request.case.runner]
            notes = [*place.notes, *brought(place, commands, home)]
            say(f"files of commit {place.commit[:12]}, in a worktree" if place.commit else f"files in {place.folder}")
            for note in notes:
                say(f"  {note}")
            attempts = CommandAttempts(place, commands, request.case.runner, parent, request.seconds)
            return _Reproduction(request, place, attempts, notes, say).run()


class _Reproduction:
    def __init__(
        self,
        request: CiRequest,
        place: CiPlace,
        attempts: CommandAttempts,
        notes: list[str],
        say: Callable[[str], None],
    ) -> None:
        self._request = request
        self._place = place
        self._attempts = attempts
        self._notes = notes
        self._ladder = CommandLadder(request.case, request.failure, attempts, request.seed, say)
        self._work = _Progress()

    def run(self) -> CiReproduction:
        """All of it."""
        try:
            self._climb()
        except SearchStoppedError as stopped:
            self._work.stopped = stopped.reason
            if self._work.verdict is CiVerdict.NOT_REPRODUCED:
                self._work.verdict = CiVerdict.INTERRUPTED
        return self._result()

    def _climb(self) -> None:
        ladder, work = self._ladder, self._work
        alone = ladder.alone()
        if alone.attempts and alone.no_outcome == alone.attempts:
            company = ladder.in_company()
            if company.no_outcome == company.attempts:
                raise CannotRunError(
                    f"{self._request.case.runner} tells nothing of {self._request.failure.test} here: "
                    f"{self._attempts.problem or 'it wrote nothing'}",
                    "run it in the folder in which CI did, at the commit of the job, with all that it needs installed",
                )
        if alone.failed and alone.failed == alone.attempts - alone.no_outcome:
            company = ladder.in_company()
            if company.failed or not company.attempts - company.no_outcome:
                work.verdict, work.rate = CiVerdict.BROKEN, alone.record
                work.command = self._typed(ladder.alone_in(CommandPlan(())))
                return
            work.conditions.append(
                f"it needs another test: alone it failed in {alone.failed} of {alone.attempts} attempts, "
                "with the others it passed"
            )
        if ladder.found is None:
            ladder.climb()
        if ladder.found is None and self._attempts.left:
            ladder.climb_on(self._attempts.left)
        if ladder.found is not None:
            self._found(*ladder.found)

    def _found(self, step: RungTally, plan: CommandPlan) -> None:
        work, ladder = self._work, self._ladder
        work.verdict, work.first_failure = CiVerdict.REPRODUCED, self._attempts.elapsed
        work.command, rate = self._typed(plan), step
        if not step.name.startswith("alone"):
            rate = ladder.again(plan, _CHECK, f"{step.name}: it failed as in CI; does it again?")
            plan, rate = self._simpler(plan, rate)
        rate = ladder.rate_of(plan, rate)
        work.rate, work.command = rate.record, self._typed(plan)
        if not plan.settings:
            name = command_name()
            bare = self._typed(plan).removeprefix(self._place.typed)
            work.next_commands += [f"{name} run -c 100 -- {bare}", f"{name} verify -- {bare}   # once it is mended"]

    def _simpler(self, plan: CommandPlan, rate: RungTally) -> tuple[CommandPlan, RungTally]:
        """Leave out what does not matter: other tests, then each variable and the order; as far as it is clear."""
        work, ladder = self._work, self._ladder
        checks = _CHECK if _is_sure(rate) else 3 * _CHECK
        alone = ladder.again(ladder.alone_in(plan), checks, "does it fail alone, in the same surroundings?")
        seen = f"{alone.failed} of {plural(alone.attempts, 'attempt')}"
        if alone.failed and alone.failed >= 0.5 * alone.attempts * rate.failed / max(1, rate.attempts):
            work.conditions.append(f"other tests do not matter: alone it failed in {seen}")
            plan, rate = ladder.alone_in(plan), alone
        else:
            how = "the load of others" if self._request.case.runner in PROCESS_OF_ITS_OWN else "other tests"
            work.conditions.append(f"{how} matter{'s' if how.startswith('the') else ''}: alone it failed in {seen}")
        if not _is_sure(rate):
            return plan, rate
        for less, shown in self._reductions(plan):
            tried = ladder.again(less, _CHECK, f"does it fail without {shown}?")
            if tried.attempts and tried.failed == tried.attempts:
                return self._less(less, tried)
            if tried.attempts and not tried.failed:
                seen = f"{tried.failed} of {plural(tried.attempts, 'attempt')}"
                work.conditions.append(f"{shown} matters: without it, it failed in {seen}")
        return plan, rate

    def _less(self, plan: CommandPlan, rate: RungTally) -> tuple[CommandPlan, RungTally]:
        """The plan that something was left out of, with what is still in it looked at."""
        for less, shown in self._reductions(plan):
            tried = self._ladder.again(less, _CHECK, f"does it fail without {shown}?")
            if tried.attempts and tried.failed == tried.attempts:
                plan, rate = less, tried
            elif tried.attempts and not tried.failed:
                seen = f"{tried.failed} of {plural(tried.attempts, 'attempt')}"
                condition = f"{shown} matters: without it, it failed in {seen}"
                self._work.conditions += [] if condition in self._work.conditions else [condition]
        return plan, rate

    def _reductions(self, plan: CommandPlan) -> list[tuple[CommandPlan, str]]:
        """The plan without one thing each, and how that is called."""
        found = []
        for name, value in plan.variables.items():
            if os.environ.get(name) != value:
                left = {key: other for key, other in plan.variables.items() if key != name}
                found.append((msgspec.structs.replace(plan, variables=left), f"{name}={value}"))
        usual = set(COMMANDS[self._request.case.runner].seeded("1"))
        names = {word.partition("=")[0] for word in usual}
        order = [word for word in plan.words if word.partition("=")[0] in names]
        if order:
            words = tuple(word for word in plan.words if word not in order)
            found.append((msgspec.structs.replace(plan, words=words), " ".join(order)))
        if plan.settings:
            shown = " ".join(f"--{name} {value}" for name, value in plan.settings.items())
            found.append((msgspec.structs.replace(plan, settings={}), shown))
        return found

    def _typed(self, plan: CommandPlan) -> str:
        return typed(self._place, plan, command_name())

    def _result(self) -> CiReproduction:
        work, request = self._work, self._request
        missed = work.verdict is CiVerdict.NOT_REPRODUCED
        return CiReproduction(
            version=__version__,
            case=request.case,
            failure=request.failure,
            verdict=work.verdict,
            rungs=[step.record for step in self._ladder.steps if step.attempts or step.skipped],
            command=work.command,
            rate=work.rate,
            conditions=work.conditions,
            differences=_differences(request.case, self._notes) if missed else [],
            next_commands=work.next_commands,
            notes=self._notes,
            attempts=self._attempts.made,
            seconds=self._attempts.elapsed,
            first_failure=work.first_failure,
            exit_code=int(exit_code(work.verdict, work.stopped)),
        )


def _differences(case: Case, notes: list[str]) -> list[str]:
    missing = [name for name in ("cores", "time zone") if case.value(name) is None]
    found = [f"the {name} of the job {'are' if name == 'cores' else 'is'} not in the artifacts" for name in missing]
    if case.value("command") is None:
        found.append("the command of the job is not in the artifacts")
    return [*notes, *found]


def _is_sure(rate: RungTally) -> bool:
    return rate.attempts > 0 and rate.failed >= _SURE * rate.attempts
