"""The ladder for jobs of runners other than pytest: a command again and again, until the test fails as it did in CI."""

import os
import random
from collections.abc import Callable, Iterator

import msgspec

from flakeproof.features.ci.attempts import Attempt, PytestPlan
from flakeproof.features.ci.case import Case, CaseFailure
from flakeproof.features.ci.command_attempts import CommandAttempts, CommandPlan
from flakeproof.features.ci.ladder import RungTally
from flakeproof.features.ci.runner_commands import COMMANDS, kept_of, seed_of_order
from flakeproof.features.ci.symptoms import shown
from flakeproof.text import plural

_LOOK, _MOST_ALONE, _MOST, _CHECK, _RATE = 2, 10, 12, 3, 10
_SHARES = {"as CI ran it": 0.3, "the unknown": 0.25, "the machine": 0.2}
"""Of the time, for each rung."""
_ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "Etc/GMT+12", "Australia/Sydney")
_LIMIT = 2**31


class CommandLadder:
    """Climbs it."""

    def __init__(
        self, case: Case, failure: CaseFailure, attempts: CommandAttempts, seed: int, say: Callable[[str], None]
    ) -> None:
        """`say` hears how it goes on."""
        self.case = case
        self.failure = failure
        self.attempts = attempts
        self._commands = COMMANDS[case.runner]
        self._kept = kept_of(case)
        self._chance = random.Random(seed)
        self._say = say
        self.steps: list[RungTally] = []
        self.found: tuple[RungTally, CommandPlan] | None = None

    def alone(self) -> RungTally:
        """The test by itself, as things are here; all the time if it never passes."""
        plan = CommandPlan(self._commands.alone(self.failure.test, self._kept))
        step = self._step("alone, as things are here", "nothing of the job but its files")
        seconds = 0.15 * self.attempts.seconds
        self._climb(step, _again(plan), seconds=seconds, most=_LOOK, stops=False)
        if step.failed and step.failed == step.attempts:
            self._climb(step, _again(plan), seconds=seconds, most=_MOST_ALONE - _LOOK, stops=False, told=True)
        if step.failed:
            self.found = step, plan
        return step

    def in_company(self) -> RungTally:
        """All tests in their usual order, for one that never passes alone."""
        step = self._step("with the others, as things are here", "nothing of the job but its files")
        seconds = 0.15 * self.attempts.seconds
        self._climb(step, _again(self._whole()), seconds=seconds, most=_LOOK, stops=False)
        return step

    def climb(self) -> None:
        """One rung after the other, until it fails as in CI."""
        for step, plans in self._rungs():
            share = next(share for name, share in _SHARES.items() if step.name.startswith(name))
            self._climb(step, plans, seconds=share * self.attempts.seconds, most=_MOST, stops=True)
            if self.found is not None:
                return

    def climb_on(self, seconds: float) -> None:
        """The job as it was again, for so many seconds."""
        step = next(one for one in self.steps if one.name.startswith("as CI ran it"))
        self._climb(step, _again(self.as_ci()), seconds=seconds, most=10**6, stops=True, told=True)

    def again(self, plan: CommandPlan, most: int, question: str) -> RungTally:
        """The same plan, so many times at most, to answer a `question`."""
        step = RungTally("", "", _nothing)
        self._say(question)
        self._climb(step, _again(plan), seconds=0.1 * self.attempts.seconds, most=most, stops=False, told=True)
        return step

    def rate_of(self, plan: CommandPlan, before: RungTally) -> RungTally:
        """How often it fails so, with what was counted `before`."""
        self._say("how often does it fail so?")
        most = _RATE - before.attempts
        self._climb(before, _again(plan), seconds=0.1 * self.attempts.seconds, most=most, stops=False, told=True)
        return before

    def as_ci(self) -> CommandPlan:
        """As the job was, as far as it is known."""
        plan = self._whole()
        if (seed := seed_of_order(self.case)) is not None:
            plan = self.ordered(plan, seed)
        return msgspec.structs.replace(plan, variables=self._variables())

    def alone_in(self, plan: CommandPlan) -> CommandPlan:
        """The test alone, in the surroundings of `plan`."""
        return msgspec.structs.replace(plan, words=self._commands.alone(self.failure.test, self._kept))

    def ordered(self, plan: CommandPlan, seed: str) -> CommandPlan:
        """The plan with the order of a seed; before what is selected, which comes last."""
        words, more = plan.words, self._commands.seeded(seed)
        place = len(words) - 1 if self.case.runner in ("go", "maven") else len(words)
        return msgspec.structs.replace(plan, words=(*words[:place], *more, *words[place:]))

    def _whole(self) -> CommandPlan:
        return CommandPlan(self._commands.whole(self.failure.test, self._kept))

    def _variables(self) -> dict[str, str]:
        found = {"CI": "true"} if self.case.value("provider") else {}
        if zone := self.case.value("time zone"):
            found["TZ"] = zone
        return found

    def _rungs(self) -> Iterator[tuple[RungTally, Iterator[CommandPlan]]]:
        keeps = ", ".join(self._keeps())
        yield self._step("as CI ran it", keeps), _again(self.as_ci())
        if unknown := self._unknown():
            yield self._step("the unknown, varied: " + ", ".join(unknown), keeps), self._varied(unknown)
        cores = self._cores()
        told = "" if self.case.value("cores") else " (CI’s are not known)"
        name = f"the machine, {plural(cores, 'core')}{told}, and slowed"
        yield self._step(name, keeps), self._machines(cores)

    def _keeps(self) -> list[str]:
        kept = ["the whole command" if self.case.runner != "go" else "all tests of its package"]
        if (seed := seed_of_order(self.case)) is not None:
            kept.append(f"order of seed {seed}")
        kept += [f"options {' '.join(self._kept)}"] if self._kept else []
        kept += [f"time zone {zone}"] if (zone := self.case.value("time zone")) else []
        return kept

    def _unknown(self) -> list[str]:
        words = ["time zone"] if self.case.value("time zone") is None else []
        if seed_of_order(self.case) is None and self._commands.seeded("1"):
            words.append("order")
        return words

    def _varied(self, unknown: list[str]) -> Iterator[CommandPlan]:
        """Order and zone in turns, so that what decides can be told apart."""
        count = 0
        while True:
            plan = self.as_ci()
            if "order" in unknown and (count % 2 or "time zone" not in unknown):
                plan = self.ordered(plan, str(self._chance.randrange(1, _LIMIT)))
            elif "time zone" in unknown:
                zone = _ZONES[count // 2 % len(_ZONES)] if "order" in unknown else _ZONES[count % len(_ZONES)]
                plan = msgspec.structs.replace(plan, variables={**plan.variables, "TZ": zone})
            count += 1
            yield plan

    def _cores(self) -> int:
        text = self.case.value("cores") or ""
        return min(int(text), os.cpu_count() or 1) if text.isdigit() and 0 < int(text) < 4096 else 1

    def _machines(self, cores: int) -> Iterator[CommandPlan]:
        few = {"cpus": str(cores)}
        while True:
            for load in (few, {**few, "noise": "cpu=2,io=1"}, {"cpu-quota": "30%"}):
                yield msgspec.structs.replace(self.as_ci(), settings=load)

    def _step(self, name: str, keeps: str) -> RungTally:
        self.steps.append(RungTally(name, keeps, _nothing))
        return self.steps[-1]

    def _climb(
        self,
        step: RungTally,
        plans: Iterator[CommandPlan],
        *,
        seconds: float,
        most: int,
        stops: bool,
        told: bool = False,
    ) -> None:
        """Attempts of a rung; with `stops` until it fails as in CI, at least one if there is any time."""
        if not told:
            self._say(f"{step.name}: {step.keeps}")
        end, made = self.attempts.elapsed + min(seconds, self.attempts.left), 0
        while made < most and (self.attempts.elapsed < end or (not made and self.attempts.left > 0)):
            plan = next(plans)
            attempt = self.attempts.run(plan, self.failure)
            made += 1
            how = step.count(attempt, self.failure)
            self._say(f"  attempt {step.attempts}: {_words(how, attempt)} ({attempt.seconds:.1f}s)")
            if how and stops:
                self.found = step, plan
                return


def _words(how: bool | None, attempt: Attempt) -> str:
    if how is None and attempt.failures:
        return f"failed otherwise: {shown(attempt.failures[0][1])}"
    return {True: "failed as in CI", False: "passed", None: "no outcome"}[how]


def _again(plan: CommandPlan) -> Iterator[CommandPlan]:
    while True:
        yield plan


def _nothing() -> Iterator[PytestPlan]:
    return iter(())
