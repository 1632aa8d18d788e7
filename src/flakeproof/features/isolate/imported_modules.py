"""Tests that end otherwise when another test module is merely imported, as pytest does to collect it.

Probes are forks of a process that has collected everything, so that they cannot tell: it takes fresh interpreters that
collect some modules and run the one test.
"""

from collections.abc import Callable, Sequence

from flakeproof.features.isolate.culprit_search import minimise
from flakeproof.features.isolate.hunt import rate_in
from flakeproof.features.isolate.records import CulpritSet, Member
from flakeproof.features.isolate.reproducer import Shell
from flakeproof.features.isolate.victim_runs import ArrangementTally
from flakeproof.text import plural

_AT_ONCE = 2
_RUNS = 3
"""Of the command at the end and of the test alone, side by side."""


def module_of(item: str) -> str:
    """The file of a test, as in its node id."""
    return item.partition("::")[0]


class Imports:
    """Runs the test while others are only collected."""

    def __init__(self, shell: Shell, items: Sequence[str], test: str) -> None:
        """`items` are all that pytest has collected, `test` is one of them."""
        self._shell = shell
        self._modules = [one for one in dict.fromkeys(map(module_of, items)) if one != module_of(test)]

    def alone(self) -> bool | None:
        """Whether the test fails alone, in a fresh interpreter that collects its module only; None if not known."""
        return self._shell.outcomes([self._shell.with_imports([])])[0]

    def find(self, *, failing: bool) -> CulpritSet | None:
        """Modules with which the test ends like this when they are imported, and without any of them does not.

        None if importing all of them does not make it end like this.
        """
        if not self._modules or self._shell.outcomes([self._shell.with_imports(self._modules)])[0] is not failing:
            return None

        def first_showing(parts: list[list[str]]) -> int | None:
            for start in range(0, len(parts), _AT_ONCE):
                batch = parts[start : start + _AT_ONCE]
                seen = self._shell.outcomes([self._shell.with_imports(part) for part in batch])
                if failing in seen:
                    return start + seen.index(failing)
            return None

        modules = self._halved(first_showing)
        return self._proven(modules, failing=failing)

    def _halved(self, first_showing: Callable[[list[list[str]]], int | None]) -> list[str]:
        present = list(self._modules)
        while len(present) > 1:
            middle = len(present) // 2
            halves = [present[:middle], present[middle:]]
            found = first_showing(halves)
            if found is None:
                return minimise(present, first_showing)  # it takes several
            present = halves[found]
        return present

    def _proven(self, modules: list[str], *, failing: bool) -> CulpritSet | None:
        command, alone = self._shell.with_imports(modules), self._shell.with_imports([])
        with_them, without = ArrangementTally(), ArrangementTally()
        for _ in range(_RUNS):
            for tally, failed in zip((with_them, without), self._shell.outcomes([command, alone]), strict=True):
                if failed is not None:
                    tally.failed += failed
                    tally.runs += 1
        shown, shown_without = (
            tally.failed if failing else tally.runs - tally.failed for tally in (with_them, without)
        )
        there, not_there = rate_in(with_them), rate_in(without)
        if there is None or not_there is None:
            return None
        how = "failed" if failing else "passed"
        return CulpritSet(
            members=[Member(test=one, place="", is_imported=True) for one in modules],
            with_them=there,
            without=not_there,
            log_evidence=0.0,
            command=self._shell.shown(command),
            confirmed=shown == with_them.runs and not shown_without,
            confirmation=f"in fresh interpreters it {how} in {shown} of {plural(with_them.runs, 'run')}, "
            f"when only its own module is imported in {shown_without} of {without.runs}",
        )
