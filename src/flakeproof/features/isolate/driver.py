"""Find out which tests make another one fail, or pass: from a request to everything that is known in the end."""

import os
import random
from collections.abc import Callable, Sequence

import msgspec

from flakeproof.clock import monotonic_ns
from flakeproof.engine.leftovers import difference, snapshot
from flakeproof.errors import CannotRunError, ExitCode, Stop, UsageError, exit_code_of_signal
from flakeproof.features.isolate.hunt import ExplainedOtherwiseError, Hunt, rate_in
from flakeproof.features.isolate.imported_modules import Imports
from flakeproof.features.isolate.leftover_state import Carriers
from flakeproof.features.isolate.named_tests import named
from flakeproof.features.isolate.probes import Probing, ProbingStoppedError, probing
from flakeproof.features.isolate.provoked import ProvokedShell, run_twice
from flakeproof.features.isolate.records import CulpritKind, CulpritSet, IsolationReport, IsolationRequest, Member
from flakeproof.features.isolate.reproducer import Shell
from flakeproof.features.isolate.reproduction import Reproducing
from flakeproof.features.isolate.victim_runs import Arrangement, Company
from flakeproof.model import PytestTarget
from flakeproof.perturbations.resolve import words_of
from flakeproof.stats.culprits import repeats
from flakeproof.store.folder import new_run_id
from flakeproof.version import __version__
from flakeproof_worker.shared.seeds import trial_seed

_CARRIERS_SHARE = 0.2
"""Part of all the time for what the culprits leave behind."""
_COMMANDS_SHARE = 0.2
"""And for the commands of all but the first set."""


def _nobody(kind: CulpritKind, found: CulpritSet) -> None:
    pass


def isolate(
    request: IsolationRequest,
    on_progress: Callable[[str], None] = lambda line: None,
    on_first: Callable[[CulpritKind, CulpritSet], None] = _nobody,
) -> IsolationReport:
    """Search; `on_progress` hears a line for each probe, `on_first` the first answer when its command has shown it.

    Blocks; SIGINT and SIGTERM end it with what is known so far. Raises UsageError for a victim that there is not, and
    CannotRunError if pytest cannot run the tests.
    """
    target = request.spec.target
    if not isinstance(target, PytestTarget):
        raise UsageError(f"{target.name} is no test of pytest", "isolate finds what tests do to each other")
    investigation = _Investigation(request, target, on_progress, on_first)
    before = snapshot(target.folder)
    investigation.run()
    return investigation.result(difference(before, snapshot(target.folder)))


class _Investigation:
    def __init__(
        self,
        request: IsolationRequest,
        target: PytestTarget,
        tell: Callable[[str], None],
        on_first: Callable[[CulpritKind, CulpritSet], None],
    ) -> None:
        self._request = request
        self._target = target
        self._tell = tell
        self._on_first = on_first
        self._started = monotonic_ns()
        self._elapsed = 0.0
        self._run_id = new_run_id()
        self._company: Company | None = None
        self._reproducing: Reproducing | None = None
        self._hunt: Hunt | None = None
        self._sets: list[CulpritSet] = []
        """Those that no hunt has found."""
        self._kind = CulpritKind.INTERRUPTED
        self._stopped: Stop | None = None
        self._alone_command: tuple[str, bool | None, str] = "", None, ""
        self._items: list[str] = []
        self._probes = 0
        self._notes: list[str] = []
        self._shares_files = True
        """Whether tests can have changed files of the project."""

    def run(self) -> None:
        """Everything, as far as it comes."""
        request = self._request
        with probing(request.spec, self._run_id) as probes:
            try:
                self._investigate(probes)
                probes.finish()
                probes.check()
            except ProbingStoppedError as stopped:
                self._stopped = stopped.reason
            self._items, self._probes = probes.items, probes.count
            self._notes += probes.notes
            why = probes.shares_files or "; ".join(self._company.facts.get("shared_files", ()) if self._company else ())
            if why:
                self._notes.append(f"what tests leave in files reaches the probes after them: {why}")
            self._shares_files = bool(why) or bool(words_of(request.spec.perturbations))
            self._elapsed = (monotonic_ns() - self._started) / 1e9
        if self._company is None and self._stopped is None:
            raise CannotRunError("pytest has collected nothing that could be run")

    def _investigate(self, probes: Probing) -> None:
        request = self._request
        probes.collect()
        victim = named(request.victim, probes.items, self._target.folder)
        company = self._company = Company(probes, victim, self._tell)
        order, words = self._order(probes.items)
        reproducing = Reproducing(company, probes.items, order, words, request.error, request.spec.seed)
        self._reproducing = reproducing
        reproducing.run()
        self._kind = reproducing.found.kind
        if self._kind in (CulpritKind.POLLUTED, CulpritKind.BRITTLE):
            self._find(probes, reproducing, company)
        elif self._kind is CulpritKind.REPEATED:
            self._look_at_repetition(company)
        elif self._kind is CulpritKind.FAILS_ALONE:
            self._look_alone(probes, reproducing, company)
        elif self._kind is CulpritKind.NOT_REPRODUCED and not words_of(request.spec.perturbations):
            imports = Imports(self._plain_shell(probes, company), probes.items, victim)
            if imports.alone():
                self._look_at_imports(imports, failing=False)

    def _find(self, probes: Probing, reproducing: Reproducing, company: Company) -> None:
        found, request = reproducing.found, self._request
        shell, failing = self._shell(probes, company), found.kind is CulpritKind.POLLUTED

        def confirm(arrangement: Arrangement, rate: float) -> tuple[str, bool | None, str]:
            return shell.confirm(arrangement, max(2, repeats(min(rate, 0.9999), request.error)), failing=failing)

        def tell(first: CulpritSet) -> None:
            self._sets = [first]
            self._on_first(found.kind, first)

        def doubt() -> bool:
            if words_of(request.spec.perturbations):
                return False
            imports = Imports(self._plain_shell(probes, company), probes.items, company.test)
            return imports.alone() is failing and self._look_at_imports(imports, failing=not failing)

        hunt = self._hunt = Hunt(
            company,
            found,
            probes.items,
            error=request.error,
            seed=request.spec.seed,
            most=request.most,
            confirm=confirm,
            tell=tell,
            doubt=doubt,
        )
        try:
            hunt.run()
        except ExplainedOtherwiseError:
            return
        if not hunt.sets:
            self._sets = []
            reproducing.compare()
            decided = found.kind in (CulpritKind.POLLUTED, CulpritKind.BRITTLE)
            self._kind = CulpritKind.ORDER if decided else found.kind
            return
        with probes.part(_COMMANDS_SHARE):
            hunt.confirm_rest()
        with probes.part(_CARRIERS_SHARE):
            hunt.look_for_carriers()

    def _look_at_repetition(self, company: Company) -> None:
        """What the test leaves behind that it does not bear itself."""
        assert self._reproducing is not None
        found, request = self._reproducing.found, self._request
        rate = rate_in(found.of_arrangement)
        alone = rate_in(found.alone)
        assert rate is not None
        assert alone is not None
        (typed,) = self._plain_shell(company.probing, company).tests(Arrangement())
        command, confirmed, said = run_twice(request.spec, company.test, typed)
        member = Member(test=company.test, place=company.places.get(company.test, ""))
        only = CulpritSet(
            members=[member],
            with_them=rate,
            without=alone,
            log_evidence=0.0,
            command=command,
            confirmed=confirmed,
            confirmation=said,
        )
        self._sets = [only]
        self._on_first(CulpritKind.REPEATED, only)
        with company.probing.part(_CARRIERS_SHARE):
            finder = Carriers(company, found.arrangement, Arrangement(), 1.0, request.error, failing=True)
            self._sets = [msgspec.structs.replace(only, carriers=finder.find(), looked_for_carriers=True)]

    def _look_alone(self, probes: Probing, reproducing: Reproducing, company: Company) -> None:
        """Whether it fails alone where nothing but its own module is imported."""
        alone = reproducing.found.alone
        times = repeats(max(0.01, min(0.9999, alone.failed / alone.runs / 1.5)), self._request.error)
        self._alone_command = self._shell(probes, company).confirm(Arrangement(), times, failing=True)
        if self._alone_command[1] is False and not words_of(self._request.spec.perturbations):
            self._look_at_imports(Imports(self._plain_shell(probes, company), probes.items, company.test), failing=True)

    def _look_at_imports(self, imports: Imports, *, failing: bool) -> bool:
        found = imports.find(failing=failing)
        if found is None or not found.confirmed:
            return False
        self._kind, self._sets, self._hunt = CulpritKind.IMPORTS, [found], None
        self._on_first(CulpritKind.IMPORTS, found)
        return True

    def _plain_shell(self, probes: Probing, company: Company) -> Shell:
        spec = self._request.spec
        seed = os.environ.get("PYTHONHASHSEED", str(trial_seed(spec.seed, spec.first_process)))
        return Shell(
            self._target,
            company.test,
            company.facts,
            seed,
            self._run_id,
            spec.timeout,
            probes.check,
            apart=company.runs_apart,
        )

    def _shell(self, probes: Probing, company: Company) -> Shell | ProvokedShell:
        """What runs commands: plain pytest, or what provokes the failure where the probes do."""
        shell = self._plain_shell(probes, company)
        # The order of each command is that of its words.
        provoked = msgspec.structs.replace(self._request.spec.perturbations, reverse=False)
        if not words_of(provoked):
            return shell
        spec = msgspec.structs.replace(self._request.spec, perturbations=provoked)
        return ProvokedShell(shell, spec, self._target, company.test, probes.check)

    def _order(self, items: Sequence[str]) -> tuple[list[str], str]:
        """The order to start from, and what it is called."""
        request = self._request
        if request.trial is not None:
            known = [item for item in request.order if item in set(items)]
            if self._target.shuffle:
                random.Random(trial_seed(request.spec.seed, request.trial)).shuffle(known)
            if request.spec.perturbations.reverse:
                known.reverse()
            return known, f"the order of test {request.trial}"
        if not request.order:
            return [], ""
        order = [named(name, items, self._target.folder, "in the order,") for name in request.order]
        victim = named(request.victim, items, self._target.folder)
        return order if victim in order else [*order, victim], "the order given"

    def result(self, changed_files: str) -> IsolationReport:
        """What is known."""
        request, company = self._request, self._company
        found = self._reproducing.found if self._reproducing is not None else None
        victim = company.test if company is not None else request.victim
        notes = [*self._notes, *([changed_files] if changed_files and self._shares_files else [])]
        if company is not None and company.skip_reason:
            notes.append(f"it is skipped: {company.skip_reason}")
        hunt = self._hunt
        sets = hunt.sets if hunt is not None and hunt.sets else self._sets
        if sets:
            command, confirmed = sets[0].command, sets[0].confirmed
        else:
            command, confirmed, said = self._alone_command
            notes += [said] if said else []
        return IsolationReport(
            version=__version__,
            victim=victim,
            place=company.places.get(victim, "") if company is not None else "",
            kind=self._kind,
            message=(hunt.message if hunt is not None else "") or (company.message if company is not None else ""),
            culprits=sets,
            is_complete=hunt is not None and hunt.is_complete,
            tried_alone=hunt.tried_alone if hunt is not None else found.one_by_one if found is not None else 0,
            left_untried=hunt.left_untried if hunt is not None else 0,
            tried_together=hunt is not None and hunt.tried_together,
            unproven=hunt.unproven if hunt is not None else [],
            alone=rate_in(found.alone) if found is not None else None,
            in_order=rate_in(found.in_order) if found is not None else None,
            in_other_orders=rate_in(found.elsewhere) if found is not None else None,
            order=found.words if found is not None else "",
            command=command,
            confirmed=confirmed,
            ended_the_process=_enders(company, sets) if company is not None else [],
            notes=notes,
            tests=len(self._items),
            probes=self._probes,
            elapsed=self._elapsed,
            error=request.error,
            seed=request.spec.seed,
            stopped=self._stopped.value if self._stopped is not None else None,
            exit_code=int(self._exit_code(sets)),
        )

    def _exit_code(self, sets: Sequence[CulpritSet]) -> ExitCode:
        if (code := exit_code_of_signal(self._stopped)) is not None:
            return code
        if sets or (self._kind is CulpritKind.FAILS_ALONE and self._stopped is None):
            return ExitCode.FAILURES
        if self._kind is CulpritKind.NO_OUTCOME and self._company is not None and self._company.skip_reason:
            return ExitCode.NOTHING
        return ExitCode.INCONCLUSIVE


def _enders(company: Company, sets: Sequence[CulpritSet]) -> list[Member]:
    """Tests that end the process and were left out for that; without those that were found to matter nevertheless."""
    told = {member.test for one in sets for member in one.members}
    return [
        Member(test=test, place=company.places.get(test, ""), fails=True, message=message)
        for test, message in company.enders.items()
        if test not in told
    ]
