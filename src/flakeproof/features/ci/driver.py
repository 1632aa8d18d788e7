"""From a case to a command that fails as the job did, or to how often it may fail at most."""

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.errors import FlakeproofError, UsageError
from flakeproof.features.ci.attempts import Attempts, PytestPlan, SearchStoppedError
from flakeproof.features.ci.by_itself import amplified, at_its_time
from flakeproof.features.ci.case import Case, CaseFailure
from flakeproof.features.ci.known import Known, differences, fitted
from flakeproof.features.ci.ladder import Ladder, RungTally
from flakeproof.features.ci.place import CiPlace, place_of
from flakeproof.features.ci.pytest_log import MAIN
from flakeproof.features.ci.records import CiReproduction, CiVerdict, Rung, exit_code
from flakeproof.features.ci.typed import Typed, options_words
from flakeproof.features.isolate.driver import isolate
from flakeproof.features.isolate.records import CulpritKind, IsolationReport, IsolationRequest
from flakeproof.model import Isolation as Mode
from flakeproof.settings.build_spec import build
from flakeproof.settings.from_options import command_name, settings
from flakeproof.targets.tests import PytestLine
from flakeproof.text import plural, shown_path
from flakeproof.version import __version__

_CHECK = 3
"""Attempts that tell whether something matters to what fails (nearly) always."""
_HASH_SEED = "PYTHONHASHSEED"
_ISOLATE_SHARE, _AMPLIFY_SHARE = 0.4, 0.7
_LEAST_SECONDS = 5.0
_SURE = 0.8
"""A rate from which on a few attempts tell whether something matters."""


@dataclass(frozen=True)
class CiRequest:
    """What is asked for."""

    case: Case
    failure: CaseFailure
    seconds: float
    seed: int
    python: str | None
    keep: Callable[[], Path]
    """Where what the command needs that is given in the end is to be kept."""


@dataclass
class _Work:
    """What has been found so far."""

    verdict: CiVerdict = CiVerdict.NOT_REPRODUCED
    command: str = ""
    rate: Rung | None = None
    isolation: IsolationReport | None = None
    conditions: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    next_commands: list[str] = field(default_factory=list)
    stopped: str | None = None
    first_failure: float | None = None


def reproduce(request: CiRequest, say: Callable[[str], None]) -> CiReproduction:
    """Climb the ladder within the time; `say` hears how it goes on. A signal ends it with what is known.

    Raises UsageError for a test that is not here, CannotRunError where pytest cannot run.
    """
    with temporary_root() as temporary:
        parent = Path(temporary)
        with place_of(request.case, Path.cwd(), request.python, parent) as place:
            say(_where(place))
            for note in place.notes:
                say(f"  {note}")
            attempts = Attempts(place, parent, request.seconds)
            return _Reproducing(request, place, attempts, say).run()


def _where(place: CiPlace) -> str:
    files = f"files of commit {place.commit[:12]}, in a worktree" if place.commit else f"files in {place.folder}"
    return f"{files}; Python {shown_path(place.python)} ({place.python_from})"


class _Reproducing:
    def __init__(self, request: CiRequest, place: CiPlace, attempts: Attempts, say: Callable[[str], None]) -> None:
        self._request = request
        self._place = place
        self._attempts = attempts
        self._say = say
        self._work = _Work()
        self._steps: list[RungTally] = []
        self._known: Known | None = None
        self._typed = Typed(place, attempts, request.keep)

    def run(self) -> CiReproduction:
        """All of it."""
        work = self._work
        failure = self._request.failure
        try:
            collected = self._attempts.collect()
            known = fitted(self._request.case, failure, collected)
            if known is None:
                raise UsageError(
                    f"{failure.test} is not among the {len(collected.collected)} tests that pytest collects here",
                    "run it in the folder in which CI ran pytest, at the commit of the job",
                )
            self._known, failure = known, known.failure
            ladder = Ladder(known, self._attempts, self._request.seed, self._say)
            self._steps = ladder.steps
            self._climb(ladder, known)
        except SearchStoppedError as stopped:
            work.stopped = stopped.reason
            work.verdict = CiVerdict.INTERRUPTED if work.verdict is CiVerdict.NOT_REPRODUCED else work.verdict
        return self._result(failure)

    def _climb(self, ladder: Ladder, known: Known) -> None:
        alone = ladder.alone()
        if alone.failed and alone.failed == alone.attempts - alone.no_outcome:
            company = ladder.in_company()
            if company.failed or not company.attempts - company.no_outcome:
                self._broken(ladder, alone)
                return
            self._work.conditions.append(
                f"it needs another test: alone it failed in {alone.failed} of {alone.attempts} attempts, "
                "behind the others it passed"
            )
        if ladder.found is None:
            ladder.climb()
        if ladder.found is not None:
            self._found(ladder, known, *ladder.found)
            return
        self._by_itself(ladder, known)

    def _broken(self, ladder: Ladder, alone: RungTally) -> None:
        assert ladder.found is not None
        self._work.verdict = CiVerdict.BROKEN
        self._work.command = self._typed.plain([ladder.known.failure.test], {})
        self._work.rate = alone.record

    def _found(self, ladder: Ladder, known: Known, step: RungTally, plan: PytestPlan) -> None:
        work = self._work
        work.verdict, work.first_failure = CiVerdict.REPRODUCED, self._attempts.elapsed
        if step.name.startswith("alone"):
            rate = step
        else:
            plan, rate = self._again(ladder, step, plan)
            work.rate, work.command = rate.record, self._typed.failing(plan, known)
            plan, rate = self._simpler(ladder, known, plan, rate)
            rate = ladder.rate_of(plan, rate)
        work.rate, work.command = rate.record, self._typed.failing(plan, known)
        orders = plan.orders.get(MAIN, [])
        if len(orders) > 1 or (orders and work.conditions and step is rate):
            self._isolate(known, plan)
        work.next_commands += self._typed.next_ones(plan, known, work.isolation, work.command)

    def _again(self, ladder: Ladder, step: RungTally, plan: PytestPlan) -> tuple[PytestPlan, RungTally]:
        """Whether it fails again, in the order in which it has failed, which the job may not have told."""
        question = f"{step.name}: it failed as in CI; does it again?"
        if ladder.seen is not None:
            rate = ladder.again(ladder.seen, _CHECK, question)
            if rate.failed:
                return ladder.seen, rate
        return plan, ladder.again(plan, _CHECK, question)

    def _simpler(self, ladder: Ladder, known: Known, plan: PytestPlan, rate: RungTally) -> tuple[PytestPlan, RungTally]:
        """Leave out what does not matter: other workers, other tests, then each condition; as far as it is clear."""
        work = self._work
        checks = _CHECK if _is_sure(rate) else 3 * _CHECK
        alone = ladder.again(ladder.alone_in(plan), checks, "does it fail alone, in the same surroundings?")
        seen = f"{alone.failed} of {plural(alone.attempts, 'attempt')}"
        if alone.failed and alone.failed >= 0.5 * alone.attempts * rate.failed / max(1, rate.attempts):
            work.conditions.append(f"other tests do not matter: alone it failed in {seen}")
            plan, rate = ladder.alone_in(plan), alone
        else:
            work.conditions.append(f"other tests matter: alone it failed in {seen}")
            if MAIN not in plan.orders and known.workers > 1:
                question = "does it fail in one process, behind what ran before it in its worker?"
                single = ladder.again(ladder.history_in(plan), checks, question)
                seen = f"{single.failed} of {plural(single.attempts, 'attempt')}"
                if single.failed:
                    work.conditions.append(f"other workers do not matter: without them it failed in {seen}")
                    plan, rate = ladder.history_in(plan), single
                else:
                    work.conditions.append(f"other workers matter: without them it failed in {seen}")
        return self._without_conditions(ladder, plan, rate) if _is_sure(rate) else (plan, rate)

    def _without_conditions(self, ladder: Ladder, plan: PytestPlan, rate: RungTally) -> tuple[PytestPlan, RungTally]:
        """Drop what it fails without as well: all of it, else each variable by itself."""
        if not plan.settings and all(os.environ.get(name) == value for name, value in plan.variables.items()):
            return plan, rate
        bare = _without(plan, [*plan.variables, ""])
        tried = ladder.again(bare, _CHECK, "does it fail without the variables and settings of the job?")
        if tried.attempts and tried.failed == tried.attempts:
            return _forgotten(bare), tried
        for name in (*plan.variables, *([""] if plan.settings else [])):
            if name and name not in plan.variables:
                continue  # dropped with another one
            shown = f"{name}={plan.variables[name]}" if name else shlex.join(options_words(plan.settings))
            less = _without(plan, [name])
            tried = ladder.again(less, _CHECK, f"does it fail without {shown}?")
            if tried.attempts and tried.failed == tried.attempts:
                plan, rate = _forgotten(less), tried
            elif tried.attempts:
                seen = f"{tried.failed} of {plural(tried.attempts, 'attempt')}"
                self._work.conditions.append(f"{shown} matters: without it, it failed in {seen}")
        return plan, rate

    def _isolate(self, known: Known, plan: PytestPlan) -> None:
        """Find the few tests that matter of those that ran before."""
        seconds = min(_ISOLATE_SHARE * self._attempts.seconds, self._attempts.left)
        if seconds < _LEAST_SECONDS:
            self._work.notes.append("no time was left to find the tests that matter")
            return
        order = plan.orders[MAIN] if len(plan.orders.get(MAIN, ())) > 1 else known.before
        own = {"hash-seed": plan.variables.get("PYTHONHASHSEED"), "timezone": plan.variables.get("TZ")}
        asked = {**{name: value for name, value in own.items() if value}, **plan.settings, "python": self._place.python}
        files = list(dict.fromkeys(test.partition("::")[0] for test in order))
        options = ["-p", "no:randomly"] if "randomly" in known.plugins else []
        self._say(f"which of the {plural(len(order) - 1, 'test')} before it matter?")
        try:
            spec = build(PytestLine(files, options), settings(asked), {}, self._place.folder)
            target = msgspec.structs.replace(
                spec.target, environment={**spec.target.environment, **self._place.environment}
            )
            spec = msgspec.structs.replace(spec, target=target).bare(
                duration=seconds, isolation=Mode.FORK, workers=1, processes=1
            )
            request = IsolationRequest(victim=known.failure.test, spec=spec, order=order)
            self._work.isolation = isolate(request, lambda line: None)
        except FlakeproofError as error:
            self._work.notes.append(f"which tests matter could not be found out: {error.message}")

    def _by_itself(self, ladder: Ladder, known: Known) -> None:
        """What is left: the time of day of the job, what `amplify` tries, and the job as it was once more."""
        attempts = self._attempts
        timed = at_its_time(known, self._place, 0.05 * attempts.seconds, self._request.seed)
        if timed is not None:
            ladder.steps.append(timed.step)
            if timed.step.failed:
                self._take(known, timed.step, timed.options)
                return
        if attempts.left > _LEAST_SECONDS:
            self._say("amplify: the test alone, with what makes flaky tests fail")
            seconds = _AMPLIFY_SHARE * attempts.left
            found = amplified(known, self._place, seconds, self._request.seed, lambda line: self._say(f"  {line}"))
            ladder.steps.append(found.step)
            if found.stopped is not None:
                raise SearchStoppedError(found.stopped)
            if found.step.failed:
                self._take(known, found.step, found.options)
                return
        ladder.climb_on(attempts.left)
        if ladder.found is not None:
            self._found(ladder, known, *ladder.found)

    def _take(self, known: Known, step: RungTally, options: list[str]) -> None:
        work = self._work
        work.verdict, work.rate = CiVerdict.REPRODUCED, step.record
        work.first_failure = self._attempts.elapsed
        count = max(20, 3 * step.attempts // max(1, step.failed))
        words = [command_name(), "run", *options, "-c", str(count), known.failure.test]
        work.command = self._place.typed + shlex.join(words)
        work.conditions.append(f"{shlex.join(options)} makes it fail; the job’s own conditions alone did not, here")
        test = known.failure.test
        work.next_commands += [f"{command_name()} diagnose {shlex.join([*options, test])}"]
        work.next_commands += [f"{command_name()} verify {shlex.join([*options, test])}"]

    def _result(self, failure: CaseFailure) -> CiReproduction:
        work, request = self._work, self._request
        isolation = work.isolation
        history: list[str] = []
        command = note = ""
        if isolation is not None and isolation.culprits:
            history = [member.test for member in isolation.culprits[0].members]
            command = self._typed.here(shlex.split(isolation.command))
            note = isolation.culprits[0].confirmation
        elif isolation is not None:
            work.notes.append(f"which tests matter was not found: {isolation.kind.value}")
        return CiReproduction(
            version=__version__,
            case=request.case,
            failure=failure,
            verdict=work.verdict,
            rungs=[step.record for step in self._steps if step.attempts or step.skipped],
            command=work.command,
            rate=work.rate,
            history=history,
            history_helps=isolation is not None and isolation.kind is CulpritKind.BRITTLE,
            history_command=command,
            history_note=note,
            conditions=work.conditions,
            differences=differences(request.case, self._known, self._place.notes)
            if work.verdict is CiVerdict.NOT_REPRODUCED
            else [],
            next_commands=work.next_commands,
            notes=[*self._place.notes, *work.notes],
            attempts=self._attempts.made,
            seconds=self._attempts.elapsed,
            first_failure=work.first_failure,
            exit_code=int(exit_code(work.verdict, work.stopped)),
        )


def _is_sure(rate: RungTally) -> bool:
    return rate.attempts > 0 and rate.failed >= _SURE * rate.attempts


def _without(plan: PytestPlan, names: list[str]) -> PytestPlan:
    """The plan without some variables, and without its settings if "" is among `names`; the hash seed is another."""
    variables = {name: value for name, value in plan.variables.items() if name not in names}
    if _HASH_SEED in names and plan.variables[_HASH_SEED].isdigit():
        variables[_HASH_SEED] = str((int(plan.variables[_HASH_SEED]) + 1) % 2**32)
    return msgspec.structs.replace(plan, variables=variables, settings={} if "" in names else plan.settings)


def _forgotten(plan: PytestPlan) -> PytestPlan:
    """Without the hash seed, which was found not to matter."""
    variables = {name: value for name, value in plan.variables.items() if name != _HASH_SEED}
    return msgspec.structs.replace(plan, variables=variables)
