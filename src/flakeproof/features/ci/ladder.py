"""The ladder: a CI job tried again, closest to how it ran first, until the test fails as it did there."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec

from flakeproof.features.ci.attempts import Attempt, Attempts, PytestPlan, fits
from flakeproof.features.ci.case import CaseFailure
from flakeproof.features.ci.known import Known
from flakeproof.features.ci.pytest_log import MAIN
from flakeproof.features.ci.records import Rung
from flakeproof.features.ci.symptoms import shown
from flakeproof.results.summary import anytime_interval
from flakeproof.text import plural

_CONFIDENCE = 0.95
_LIMIT = 2**32
_LOOK = 2
"""Attempts alone, before anything else."""
_MOST = 12
"""Attempts of a rung before the next one has its turn."""
_MOST_ALONE = 10
_CHECK_SHARE = 0.1
"""Of the time, to find out whether something matters."""
_LONGEST_RATE = 20.0
"""Seconds for more attempts than were made anyway."""
_RATE = 10
"""Attempts with the setting that was found, for a rate."""
_SHARES = {"as CI ran it": 0.25, "its worker's history": 0.15, "the machine": 0.15, "the unknown": 0.1}
"""Of the time, for each rung."""
_ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "Etc/GMT+12", "Australia/Sydney")
_MESSAGES = 3


@dataclass
class RungTally:
    """A rung while it is climbed."""

    name: str
    keeps: str
    plans: Callable[[], Iterator[PytestPlan]]
    attempts: int = 0
    failed: int = 0
    otherwise: int = 0
    no_outcome: int = 0
    messages: list[str] = field(default_factory=list)
    seconds: float = 0.0
    skipped: str = ""

    def count(self, attempt: Attempt, failure: CaseFailure) -> bool | None:
        """Take an attempt in; whether the test failed as in CI, None where it has no such outcome."""
        self.attempts += 1
        self.seconds += attempt.seconds
        how = fits(attempt, failure.test, failure.symptom)
        if how:
            self.failed += 1
        elif how is None:
            told = [shown(one) for name, one in attempt.failures if name == failure.test]
            self.otherwise += bool(told)
            self.no_outcome += not told
            self.messages += [text for text in told if text not in self.messages][:_MESSAGES]
        return how

    @property
    def record(self) -> Rung:
        """As it stands."""
        decided = self.attempts - self.no_outcome
        return Rung(
            name=self.name,
            keeps=self.keeps,
            attempts=self.attempts,
            failed=self.failed,
            otherwise=self.otherwise,
            no_outcome=self.no_outcome,
            other_messages=self.messages[:_MESSAGES],
            interval=anytime_interval(self.failed, decided, _CONFIDENCE) if decided else None,
            seconds=self.seconds,
            skipped=self.skipped,
        )


class Ladder:
    """Climbs it."""

    def __init__(self, known: Known, attempts: Attempts, seed: int, say: Callable[[str], None]) -> None:
        """`say` hears how it goes on."""
        self.known = known
        self.attempts = attempts
        self._chance = random.Random(seed)
        self._say = say
        self.steps: list[RungTally] = []
        self.found: tuple[RungTally, PytestPlan] | None = None
        """The rung on which it failed as in CI, and how pytest was run then."""
        self.seen: PytestPlan | None = None
        """The same with the order in which the tests ran then, where the plan had said nothing of that."""

    def alone(self) -> RungTally:
        """The test by itself and as things are here, a few times; all the time if it never passes."""
        test = self.known.failure.test
        plan = self._plain([test])
        step = self._step("alone, as things are here", "nothing of the job but its files", lambda: _again(plan))
        self._climb(step, seconds=0.1 * self.attempts.seconds, most=_LOOK, stops=False)
        if step.failed == step.attempts:
            self._climb(step, seconds=0.1 * self.attempts.seconds, most=_MOST_ALONE - _LOOK, stops=False, told=True)
        if step.failed:
            self.found = step, plan
        return step

    def in_company(self) -> RungTally:
        """All that pytest collects up to the test, in its usual order: for one that never passes alone."""
        tests = self.known.collected
        plan = self._plain(tests[: tests.index(self.known.failure.test) + 1])
        step = self._step(
            "behind the others, in their usual order", "nothing of the job but its files", lambda: _again(plan)
        )
        self._climb(step, seconds=0.1 * self.attempts.seconds, most=_LOOK, stops=False)
        return step

    def climb(self) -> None:
        """One rung after the other, until it fails as in CI; then those that were not exhausted once more."""
        rungs = list(self._rungs())
        for step in rungs:
            if not step.skipped:
                share = next(share for name, share in _SHARES.items() if step.name.startswith(name))
                self._climb(step, seconds=share * self.attempts.seconds, most=_MOST, stops=True)
                if self.found is not None:
                    return

    def climb_on(self, seconds: float) -> None:
        """The first rung again, which is closest to the job, for so many seconds."""
        step = next((one for one in self.steps if one.name.startswith("as CI ran it")), None)
        if step is not None and not step.skipped:
            self._climb(step, seconds=seconds, most=10**6, stops=True, told=True)

    def again(self, plan: PytestPlan, most: int, question: str) -> RungTally:
        """The same plan, so many times at most, to answer a `question`."""
        step = RungTally("", "", lambda: _again(plan))
        self._say(question)
        seconds = _CHECK_SHARE * self.attempts.seconds
        self._climb(step, seconds=seconds, most=most, stops=False, told=True)
        return step

    def rate_of(self, plan: PytestPlan, before: RungTally) -> RungTally:
        """How often it fails so, with what was counted `before`."""
        self._say("how often does it fail so?")
        before.plans = lambda: _again(plan)
        seconds = min(_CHECK_SHARE * self.attempts.seconds, _LONGEST_RATE)
        self._climb(before, seconds=seconds, most=_RATE - before.attempts, stops=False, told=True)
        return before

    def alone_in(self, plan: PytestPlan) -> PytestPlan:
        """The test alone, in the surroundings of `plan`."""
        test = self.known.failure.test
        return msgspec.structs.replace(plan, options=self._options(), orders={MAIN: [test]}, until="")

    def history_in(self, plan: PytestPlan) -> PytestPlan:
        """The history of its worker in one process, in the surroundings of `plan`."""
        test = self.known.failure.test
        own = next((tests for tests in plan.orders.values() if test in tests), self.known.before)
        before = own[: own.index(test) + 1]
        return msgspec.structs.replace(plan, options=self._options(), orders={MAIN: before}, until=test)

    def _rungs(self) -> Iterator[RungTally]:
        known = self.known
        keeps = ", ".join(self._kept())
        if known.workers > 1 and "xdist" not in known.plugins:
            step = self._step("as CI ran it", keeps, lambda: iter(()))
            step.skipped = f"pytest-xdist is not installed in {self.attempts.place.python}"
        else:
            step = self._step("as CI ran it", keeps, lambda: self._drawn(self._as_ci()))
        yield step
        if known.workers > 1:
            words = (
                f"{plural(len(known.before) - 1, 'test')} before it in {known.own_worker}, in their order"
                if known.own_worker
                else "the tests before it in the order of collection; the history of its worker is not known"
            )
            yield self._step(
                "its worker's history, in one process",
                words,
                lambda: self._drawn(self.history_in(self._as_ci())),
            )
        if unknown := self._unknown():
            yield self._step("the unknown, varied: " + ", ".join(unknown), keeps, self._varied)
        yield self._step("the machine, " + self._machine()[0], keeps, self._machines)

    def _as_ci(self) -> PytestPlan:
        known = self.known
        options = list(self._options())
        orders: dict[str, list[str]] = {}
        if known.workers > 1:
            options = [one for one in options if one != "-n0"] + ["-n", str(known.workers)]
            if known.own_worker:
                orders = known.histories
            else:
                options += ["--dist", known.distribution]
        elif known.own_worker:
            orders = {MAIN: known.before}
        until = known.failure.test
        return PytestPlan(tuple(options), orders, until, known.variables)

    def _plain(self, tests: list[str]) -> PytestPlan:
        options = tuple(word for word in self._options() if not word.startswith("--random"))
        if "randomly" in self.known.plugins and "no:randomly" not in options:
            options = (*options, "-p", "no:randomly")
        return PytestPlan(options, {MAIN: tests}, tests[-1])

    def _options(self) -> tuple[str, ...]:
        words = self.known.options
        return (*words, "-n0") if "xdist" in self.known.plugins else words

    def _drawn(self, plan: PytestPlan) -> Iterator[PytestPlan]:
        """`plan` again and again; a hash seed that is not known is another one each time, as it was in CI."""
        while True:
            if "PYTHONHASHSEED" in plan.variables:
                yield plan
            else:
                yield plan.with_variables(PYTHONHASHSEED=str(self._chance.randrange(_LIMIT)))

    def _machine(self) -> tuple[str, list[dict[str, str]]]:
        cores = self.known.cores
        few = {"cpus": str(cores if cores is not None else 1)}
        loads = [few, {**few, "noise": "cpu=2,io=1"}, {"cpu-quota": "30%"}]
        words = f"{plural(int(few['cpus']), 'core')}{'' if cores is not None else ' (CI’s are not known)'}, and slowed"
        return words, loads

    def _machines(self) -> Iterator[PytestPlan]:
        loads = self._machine()[1]
        plans = self._drawn(self._as_ci() if self._can_run_as_ci() else self.history_in(self._as_ci()))
        while True:
            for load in loads:
                yield msgspec.structs.replace(next(plans), settings=load)

    def _can_run_as_ci(self) -> bool:
        return self.known.workers < 2 or "xdist" in self.known.plugins

    def _unknown(self) -> list[str]:
        words = []
        if self.known.case.value("time zone") is None:
            words.append("time zone")
        if not self.known.own_worker:
            words.append("order")
        if self.known.case.value("randomly seed") is None and "randomly" in self.known.plugins:
            words.append("seed of pytest-randomly")
        return words

    def _varied(self) -> Iterator[PytestPlan]:
        plans = self._drawn(self._as_ci() if self._can_run_as_ci() else self.history_in(self._as_ci()))
        words, count = self._unknown(), 0
        while True:
            plan = next(plans)
            if "time zone" in words:
                plan = plan.with_variables(TZ=_ZONES[count % len(_ZONES)])
            if "order" in words:
                tests = list(self.known.collected)
                self._chance.shuffle(tests)
                if count % 2:
                    tests = list(reversed(self.known.collected))
                tests = tests[: tests.index(self.known.failure.test) + 1]
                plan = msgspec.structs.replace(plan, options=self._options(), orders={MAIN: tests})
            if "seed of pytest-randomly" in words:
                options = [one for one in plan.options if one not in ("-p", "no:randomly")]
                seed = f"--randomly-seed={self._chance.randrange(_LIMIT)}"
                plan = msgspec.structs.replace(plan, options=(*options, seed))
            count += 1
            yield plan

    def _kept(self) -> list[str]:
        known, case = self.known, self.known.case
        kept = []
        if known.workers > 1:
            exact = f"{known.workers} workers, each with its own tests in their order"
            kept.append(exact if known.own_worker else f"{known.workers} workers (which ran what is not known)")
        elif known.own_worker:
            kept.append(f"the order of the {plural(len(known.before), 'test')} up to it")
        names = {"randomly seed": "seed of pytest-randomly", "random-order seed": "seed of pytest-random-order"}
        for name in ("hash seed", "time zone", *names):
            kept += [f"{names.get(name, name)} {value}"] if (value := case.value(name)) is not None else []
        return kept or ["its files"]

    def _step(self, name: str, keeps: str, plans: Callable[[], Iterator[PytestPlan]]) -> RungTally:
        self.steps.append(RungTally(name, keeps, plans))
        return self.steps[-1]

    def _climb(self, step: RungTally, *, seconds: float, most: int, stops: bool, told: bool = False) -> None:
        """Attempts of a rung; with `stops` until it fails as in CI, at least one if there is any time."""
        if not told:
            self._say(f"{step.name}: {step.keeps}")
        end = self.attempts.elapsed + min(seconds, self.attempts.left)
        plans, made = iter(step.plans()), 0
        while made < most and (self.attempts.elapsed < end or (not made and self.attempts.left > 0)):
            plan = next(plans)
            attempt = self.attempts.run(plan)
            made += 1
            how = step.count(attempt, self.known.failure)
            words = {True: "failed as in CI", False: "passed", None: "no outcome"}[how]
            if how is None and step.messages:
                words = f"failed otherwise: {step.messages[-1]}"
            self._say(f"  attempt {step.attempts}: {words} ({attempt.seconds:.1f}s)")
            if how and stops:
                self.found, self.seen = (step, plan), _as_it_ran(plan, attempt, self.known.failure.test)
                return


def _as_it_ran(plan: PytestPlan, attempt: Attempt, test: str) -> PytestPlan | None:
    """The plan with the order of an attempt in which `test` failed; None where it has one, or that is not known."""
    if plan.orders or not any(test in tests for tests in attempt.orders.values()):
        return None
    return msgspec.structs.replace(plan, orders=attempt.orders, until=test)


def _again(plan: PytestPlan) -> Iterator[PytestPlan]:
    while True:
        yield plan
