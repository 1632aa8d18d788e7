"""The commands that a user is told to type."""

import os
import shlex
from collections.abc import Callable
from pathlib import Path

from flakeproof.features.ci.attempts import Attempts, PytestPlan
from flakeproof.features.ci.known import Known
from flakeproof.features.ci.place import CiPlace
from flakeproof.features.ci.pytest_log import MAIN
from flakeproof.features.isolate.records import CulpritKind, IsolationReport
from flakeproof.settings.from_options import command_name
from flakeproof.text import shown_path


class Typed:
    """Makes them, for one place."""

    def __init__(self, place: CiPlace, attempts: Attempts, keep: Callable[[], Path]) -> None:
        """`keep` says in which folder the files that a command needs are to stay."""
        self._place = place
        self._attempts = attempts
        self._keep = keep
        self._folder: Path | None = None

    def failing(self, plan: PytestPlan, known: Known) -> str:
        """What is typed to see it fail; plain pytest where that is enough."""
        if plan.orders.get(MAIN) == [known.failure.test] and not plan.settings:
            return self.plain([known.failure.test], plan.variables, plan.options)
        self._folder = self._folder or self._keep()
        words = [self._short(word) for word in self._attempts.keep(plan, self._folder)]
        if plan.settings:
            place = words.index("-m") - 1
            variables = [word for pair in words[1:place] for word in ("--env", pair)]
            words = [
                command_name(),
                "run",
                "-c",
                "10",
                *options_words(plan.settings),
                *variables,
                "--",
                *words[place:],
            ]
        return self._place.typed + shlex.join(words)

    def plain(self, tests: list[str], variables: dict[str, str], options: tuple[str, ...] = ()) -> str:
        """Plain pytest."""
        return self.here([*_assigned(variables), self._place.python, "-m", "pytest", *options, *tests])

    def here(self, words: list[str]) -> str:
        """A command that is run in the folder of the place; in a worktree it imports what is there."""
        paths = [os.path.relpath(path, self._place.folder) for path in self._place.paths]
        before = _assigned({"PYTHONPATH": os.pathsep.join(paths)}) if paths else []
        if before and words[0] == "env":
            words = words[1:]
        python = shown_path(self._place.python)
        words = [self._place.python if word == python else word for word in words]
        return self._place.typed + shlex.join([*before, *map(self._short, words)])

    def _short(self, word: str) -> str:
        """A word of a command with a path as one would type it here; not for a worktree, which is elsewhere."""
        name, _, path = word.partition("=")
        if self._place.commit:
            return word
        if path.startswith("/") and name.isidentifier():
            return f"{name}={shown_path(path)}"
        return shown_path(word) if word.startswith("/") else word

    def next_ones(self, plan: PytestPlan, known: Known, isolation: IsolationReport | None, failing: str) -> list[str]:
        """How to go on from what fails under `plan`, which is typed as `failing`."""
        name, test = command_name(), known.failure.test
        own = [("--timezone", "TZ"), ("--hash-seed", "PYTHONHASHSEED")]
        options = [word for option, key in own if key in plan.variables for word in (option, plan.variables[key])]
        options += options_words(plan.settings)
        if isolation is not None and isolation.culprits:
            before = [member.test for member in isolation.culprits[0].members]
            words = [*before, test] if isolation.kind is CulpritKind.POLLUTED else [test]
            return [f"{name} verify {shlex.join([*options, *words])}   # once it is mended"]
        if plan.orders.get(MAIN) == [test]:
            typed = shlex.join([*options, test])
        elif plan.settings:
            return []
        else:
            typed = f"-- {failing.removeprefix(self._place.typed)}"
        return [f"{name} diagnose {typed}", f"{name} verify {typed}   # once it is mended"]


def options_words(asked: dict[str, str]) -> list[str]:
    """Settings of flakeproof as words of a command line."""
    return [word for name, value in asked.items() for word in (f"--{name}", value)]


def _assigned(variables: dict[str, str]) -> list[str]:
    return ["env", *(f"{name}={value}" for name, value in variables.items())] if variables else []
