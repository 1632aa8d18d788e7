"""What a case says of how pytest was run, fitted to the tests and plugins that are here."""

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from flakeproof.features.ci.attempts import Attempt
from flakeproof.features.ci.case import Case, CaseFailure, dotted
from flakeproof.text import plural

_DISTRIBUTIONS = ("load", "loadscope", "loadfile", "loadgroup", "worksteal", "each")


@dataclass(frozen=True)
class Known:
    """What a case says of how pytest was run, made fit to be given to the pytest that is here."""

    case: Case
    failure: CaseFailure
    """Its test is called as it is collected here."""
    histories: dict[str, list[str]]
    """For each worker what it ran, as it is collected here."""
    collected: list[str]
    plugins: frozenset[str]
    python: str = ""
    """The version of the interpreter here."""

    @property
    def workers(self) -> int:
        """Of pytest-xdist; 0 for none."""
        text = self.case.value("workers") or ""
        return min(int(text), 64) if text.isdigit() else 0

    @property
    def own_worker(self) -> str:
        """The one in which the test failed; "" where that is not known."""
        return next((name for name, tests in self.histories.items() if self.failure.test in tests), "")

    @property
    def before(self) -> list[str]:
        """What ran before the test in its worker, and the test; in the order of collection where that is not known."""
        tests = self.histories.get(self.own_worker) or self.collected
        return tests[: tests.index(self.failure.test) + 1]

    @property
    def options(self) -> tuple[str, ...]:
        """Of plugins that change the order or seed generators."""
        words: list[str] = []
        seed, bucket = self.case.value("randomly seed"), self.case.value("random-order bucket")
        shuffle = self.case.value("random-order seed")
        if "randomly" in self.plugins:
            words += [f"--randomly-seed={seed}"] if seed is not None else ["-p", "no:randomly"]
        if "random_order" in self.plugins and shuffle is not None:
            words += [f"--random-order-seed={shuffle}", f"--random-order-bucket={bucket or 'module'}"]
        return tuple(words)

    @property
    def variables(self) -> dict[str, str]:
        """Of the environment."""
        found = {"CI": "true"} if self.case.value("provider") else {}
        if zone := self.case.value("time zone"):
            found["TZ"] = zone
        if seed := self.case.value("hash seed"):
            found["PYTHONHASHSEED"] = seed
        return found

    @property
    def cores(self) -> int | None:
        """Of the machine of CI."""
        text = self.case.value("cores") or ""
        return int(text) if text.isdigit() and 0 < int(text) < 4096 else None

    @property
    def distribution(self) -> str:
        """How xdist shared the tests out."""
        name = (self.case.value("distribution") or "load").lower()
        return name if name in _DISTRIBUTIONS else "load"


def fitted(case: Case, failure: CaseFailure, here: Attempt) -> Known | None:
    """The case with tests called as they are collected `here`; None where the test that failed is not among them."""
    collected = here.collected
    exact = set(collected)
    loose: dict[str, str] = {}
    for test in collected:
        loose.setdefault(dotted(test), test)

    def own(test: str) -> str | None:
        if test in exact:
            return test
        if (found := loose.get(dotted(test))) is not None:
            return found
        # pytest was started elsewhere in the repository.
        ends = [one for one in collected if one.endswith(f"/{test}") or test.endswith(f"/{one}")]
        return ends[0] if len(ends) == 1 else None

    victim = own(failure.test)
    if victim is None:
        return None
    histories = {
        one.worker: [name for other in one.tests if (name := own(other)) is not None]
        for one in (case.histories if case.is_ordered else [])
    }
    failure = msgspec.structs.replace(failure, test=victim)
    if failure.worker in histories and victim not in histories[failure.worker]:
        histories[failure.worker].append(victim)  # it ended its worker, which has told no more of it
    return Known(case, failure, histories, list(collected), frozenset(here.plugins), here.python)


def differences(case: Case, known: Known | None, notes: Sequence[str]) -> list[str]:
    """In what attempts on this machine are not as the job was, and could matter: one line for each, after `notes`."""
    return list(_differing(case, known, notes))


def _differing(case: Case, known: Known | None, notes: Sequence[str]) -> Iterator[str]:
    yield from notes
    here = known.python if known is not None else ""
    if (python := case.value("python")) is not None and here and python != here:
        yield f"Python {python} in CI, {here} here"
    if (machine := case.value("machine")) is not None and machine != platform.system().lower():
        yield f"{machine} in CI, {platform.system().lower()} here"
    cores = len(os.sched_getaffinity(0))
    if known is not None and known.cores is not None and known.cores > cores:
        yield f"{plural(known.cores, 'core')} in CI, {cores} here: more ran at the same time"
    if known is not None and known.workers and not known.own_worker:
        yield "what each worker ran is not in the artifacts (pytest -v tells)"
    for name in ("cores", "hash seed", "time zone"):
        if case.value(name) is None:
            yield (
                f"the {name} of the job is not in the artifacts"
                if name != "cores"
                else "the cores of the job are not in the artifacts"
            )
