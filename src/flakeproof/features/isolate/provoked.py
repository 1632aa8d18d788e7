"""The command that shows it where plain pytest would hardly: with what provokes it, in fresh interpreters."""

import shlex
from collections.abc import Callable
from pathlib import Path

import msgspec

from flakeproof.engine.execute import execute
from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.errors import is_signal
from flakeproof.events import AnyEvent, RunEnded, TrialFailed, TrialsPassed
from flakeproof.features.isolate.reproducer import Shell
from flakeproof.features.isolate.victim_runs import Arrangement
from flakeproof.model import Isolation, ItemOutcome, PytestTarget, RunSpec
from flakeproof.perturbations.resolve import words_of
from flakeproof.store.folder import new_run_id
from flakeproof.text import plural


def run_twice(spec: RunSpec, test: str, typed: str) -> tuple[str, bool | None, str]:
    """As `Shell.confirm` says it, for a test that runs twice in one process: passing the first time, failing then."""
    assert isinstance(spec.target, PytestTarget)
    outcomes: list[bool] = []

    def hear(event: AnyEvent) -> None:
        match event:
            case TrialsPassed():
                outcomes.extend([False] * event.count)
            case TrialFailed():
                outcomes.append(event.items.get(test) is ItemOutcome.FAILED)
            case RunEnded(stopped=str(why)) if is_signal(why):
                raise KeyboardInterrupt

    target = msgspec.structs.replace(spec.target, arguments=[typed], shuffle=False)
    wanted = msgspec.structs.replace(
        spec, target=target, isolation=Isolation.SHARED, count=2, workers=1, processes=1, duration=None
    )
    with temporary_root() as folder:
        execute(wanted, new_run_id(), Path(folder), [hear], None)
    words = ["flakeproof", "run", "--isolation", "shared", "-w", "1", "-c", "2", *words_of(spec.perturbations)]
    if target.options:
        words += ["--pytest-args", shlex.join(target.options)]
    line = shlex.join([*words, typed])
    if len(outcomes) < 2:
        return line, None, "it could not be run twice in one process"
    ended = ["failed" if failed else "passed" for failed in outcomes]
    return line, outcomes == [False, True], f"in one process it {ended[0]} first, then it {ended[1]}"


class ProvokedShell:
    """Does as `Shell` does, by `flakeproof run` with the perturbations of the probes."""

    def __init__(self, shell: Shell, spec: RunSpec, target: PytestTarget, test: str, check: Callable[[], None]) -> None:
        """`check` may raise to end all, as for `Shell`."""
        self._shell = shell
        self._spec = spec
        self._target = target
        self._test = test
        self._check = check

    def confirm(self, arrangement: Arrangement, times: int, *, failing: bool) -> tuple[str, bool | None, str]:
        """The command, whether it does what it should, and what was seen; so many `times` in any case."""
        tests = self._shell.tests(arrangement)
        shown, runs = self._count(tests, times, failing=failing)
        words = ["flakeproof", "run", "--isolation", "fresh", "-c", str(times), *words_of(self._spec.perturbations)]
        if self._target.options:
            words += ["--pytest-args", shlex.join(self._target.options)]
        line = shlex.join([*words, *tests])
        if not runs:
            return line, None, "it could not be run to an end in a fresh interpreter"
        said = f"in fresh interpreters it {'failed' if failing else 'passed'} in {shown} of {plural(runs, 'run')}"
        if not arrangement.others:
            return line, bool(shown), said
        alone_shown, alone_runs = self._count(self._shell.tests(Arrangement()), times, failing=failing)
        return line, shown * alone_runs > alone_shown * runs, f"{said}, alone in {alone_shown} of {alone_runs}"

    def _count(self, tests: list[str], times: int, *, failing: bool) -> tuple[int, int]:
        """How often the test failed (or passed) after the others, and how often it came to an end."""
        self._check()
        failed = passed = 0

        def hear(event: AnyEvent) -> None:
            nonlocal failed, passed
            match event:
                case TrialsPassed():
                    passed += event.count
                case TrialFailed() if event.items.get(self._test) is ItemOutcome.FAILED:
                    failed += 1
                case TrialFailed() if not event.cut_short:
                    passed += 1
                case RunEnded(stopped=str(why)) if is_signal(why):
                    raise KeyboardInterrupt

        target = msgspec.structs.replace(self._target, arguments=tests, shuffle=False)
        spec = msgspec.structs.replace(self._spec, target=target, isolation=Isolation.FRESH, count=times, duration=None)
        with temporary_root() as folder:
            execute(spec, new_run_id(), Path(folder), [hear], None)
        return (failed if failing else passed), failed + passed
