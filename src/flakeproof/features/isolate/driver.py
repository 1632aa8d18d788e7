"""Find out which tests make another one fail, or pass: from a request to everything that is known in the end."""

import os
import random
from collections.abc import Callable, Collection, Sequence
from itertools import islice, permutations

import msgspec

from flakeproof.clock import monotonic_ns
from flakeproof.engine.leftovers import difference, snapshot
from flakeproof.errors import CannotRunError, ExitCode, Stop, UsageError, exit_code_of_signal
from flakeproof.features.isolate.culprit_search import Culprits, Search
from flakeproof.features.isolate.leftover_state import Carriers
from flakeproof.features.isolate.named_tests import named
from flakeproof.features.isolate.probes import Probing, ProbingStoppedError, probing
from flakeproof.features.isolate.provoked import ProvokedShell
from flakeproof.features.isolate.records import CulpritSet, Isolation, IsolationRequest, Kind, Member, Rate
from flakeproof.features.isolate.reproducer import Shell
from flakeproof.features.isolate.reproduction import Reproducing
from flakeproof.features.isolate.victim_runs import Arrangement, Company, Tally
from flakeproof.model import PytestTarget
from flakeproof.perturbations.resolve import words_of
from flakeproof.results.summary import anytime_interval
from flakeproof.stats.culprits import repeats
from flakeproof.store.folder import new_run_id
from flakeproof.version import __version__
from flakeproof_worker.shared.seeds import trial_seed

_CONFIDENCE = 0.95
_MOST_ORDERS = 24
"""Other orders of a set of culprits that are tried."""


def isolate(request: IsolationRequest, on_progress: Callable[[str], None] = lambda line: None) -> Isolation:
    """Search; `on_progress` hears a line for each probe. Blocks; SIGINT and SIGTERM end it with what is known so far.

    Raises UsageError for a victim that there is not, and CannotRunError if pytest cannot run the tests.
    """
    target = request.spec.target
    if not isinstance(target, PytestTarget):
        raise UsageError(f"{target.name} is no test of pytest", "isolate finds what tests do to each other")
    investigation = _Investigation(request, target, on_progress)
    before = snapshot(target.folder)
    investigation.run()
    return investigation.result(difference(before, snapshot(target.folder)))


class _Investigation:
    def __init__(self, request: IsolationRequest, target: PytestTarget, tell: Callable[[str], None]) -> None:
        self._request = request
        self._target = target
        self._tell = tell
        self._started = monotonic_ns()
        self._elapsed = 0.0
        self._run_id = new_run_id()
        self._company: Company | None = None
        self._reproducing: Reproducing | None = None
        self._sets: list[CulpritSet] = []
        self._to_confirm: list[tuple[Arrangement, float]] = []
        """For each set, its tests and the rate that is to be expected."""
        self._complete = False
        self._kind = Kind.INTERRUPTED
        self._stopped: Stop | None = None
        self._places: dict[str, str] = {}
        self._alone_command: tuple[str, bool | None, str] = "", None, ""
        self._items: list[str] = []
        self._probes = 0
        self._notes: list[str] = []
        self._shell: Shell | ProvokedShell | None = None

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
        (look,) = company.run([Arrangement()], look=True)
        self._places = look.found.get("places", {})
        seed = os.environ.get("PYTHONHASHSEED", str(trial_seed(request.spec.seed, request.spec.first_process)))
        shell = Shell(self._target, victim, look.found, seed, self._run_id, request.spec.timeout, probes.check)
        self._shell = shell
        # The order of each command is that of its words.
        provoked = msgspec.structs.replace(request.spec.perturbations, reverse=False)
        if words_of(provoked):
            spec = msgspec.structs.replace(request.spec, perturbations=provoked)
            self._shell = ProvokedShell(shell, spec, self._target, victim, probes.check)
        reproducing.run()
        self._kind = reproducing.found.kind
        if self._kind in (Kind.POLLUTED, Kind.BRITTLE):
            self._search(reproducing, company)
            probes.finish()  # it ends while the answer is confirmed
            for place in range(len(self._sets)):
                self._confirm(place)
        elif self._kind is Kind.FAILS_ALONE:
            alone = reproducing.found.alone
            times = repeats(max(0.01, min(0.9999, alone.failed / alone.runs / 1.5)), request.error)
            self._alone_command = self._shell.confirm(Arrangement(), times, failing=True)

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

    def _search(self, reproducing: Reproducing, company: Company) -> None:
        found = reproducing.found
        failing = found.kind is Kind.POLLUTED
        arrangement, error = found.arrangement, self._request.error
        gone: set[str] = set()
        while len(self._sets) < self._request.most:
            rest = arrangement.without(gone | set(company.enders))
            if not rest.others:
                self._complete = True
                return
            oracle = _Oracle(company, rest, failing=failing)
            search = Search(oracle, len(rest.others), error, company.probing.at_once, self._request.spec.seed)
            if self._sets and not search.is_left((), self._rate_so_far()):
                self._complete = True
                return
            culprits = search.find(found.seen if not self._sets else [(True, True)])
            if culprits is None:
                if not self._sets:
                    reproducing.compare()
                    decided = found.kind in (Kind.POLLUTED, Kind.BRITTLE)
                    self._kind = Kind.ORDER if decided else found.kind
                return
            members = [rest.others[index] for index in culprits.members]
            gone |= set(members)
            self._sets.append(self._described(company, rest, culprits, search, failing=failing))
            control = rest.without(gone)
            self._to_confirm.append((rest.only(culprits.members), culprits.rate))
            chosen = rest.only(culprits.members)
            finder = Carriers(company, chosen, control, culprits.rate, error, failing=failing)
            self._sets[-1] = msgspec.structs.replace(self._sets[-1], carriers=finder.find())
            if finder.control_is_clean and culprits.rate == 1 and self._rate_so_far() == 1:
                self._complete = True  # one run says it where the effect always shows
                return

    def _rate_so_far(self) -> float:
        """How often the effect shows at least, should another set be like those found."""
        rates = [one.with_them for one in self._sets]
        shown = [rate.failed if self._kind is Kind.POLLUTED else rate.runs - rate.failed for rate in rates]
        return min(
            1.0 if part == rate.runs else part / rate.runs / 1.5 for part, rate in zip(shown, rates, strict=True)
        )

    def _described(
        self, company: Company, rest: Arrangement, culprits: Culprits, search: Search, *, failing: bool
    ) -> CulpritSet:
        chosen = rest.only(culprits.members)
        (look,) = company.run([chosen], look=True)
        self._places |= look.found.get("places", {})
        evidence = culprits.evidence
        failures = company.failures
        members = [
            Member(
                test=test,
                place=self._places.get(test, ""),
                comes_after=test in chosen.after,
                fails=any(one.item == test for one in look.ran.failures),
                message=failures[test].message if test in failures else "",
            )
            for test in chosen.others
        ]
        return CulpritSet(
            members=members,
            only_in_this_order=self._depends_on_order(culprits, rest, search),
            with_them=_rate(evidence.shown, evidence.pairs, failing=failing),
            without=_rate(evidence.shown_without, evidence.pairs, failing=failing),
            log_evidence=evidence.log_evidence,
        )

    def _depends_on_order(self, culprits: Culprits, rest: Arrangement, search: Search) -> bool:
        members = [index for index in culprits.members if index < len(rest.before)]
        if len(members) < 2:
            return False
        others = [list(one) for one in islice(permutations(members), 1, _MOST_ORDERS)]
        return search.only_in_order(others, culprits.rate)

    def _confirm(self, place: int) -> None:
        """Give a set the command that shows it, and run exactly that."""
        assert self._shell is not None
        chosen, rate = self._to_confirm[place]
        times = max(2, repeats(min(rate, 0.9999), self._request.error))
        command, confirmed, said = self._shell.confirm(chosen, times, failing=self._kind is Kind.POLLUTED)
        self._sets[place] = msgspec.structs.replace(
            self._sets[place], command=command, confirmed=confirmed, confirmation=said
        )

    def result(self, changed_files: str) -> Isolation:
        """What is known."""
        request, company = self._request, self._company
        found = self._reproducing.found if self._reproducing is not None else None
        victim = company.test if company is not None else request.victim
        notes = [*self._notes, *([changed_files] if changed_files else [])]
        if company is not None and company.skip_reason:
            notes.append(f"it is skipped: {company.skip_reason}")
        if self._sets:
            command, confirmed = self._sets[0].command, self._sets[0].confirmed
        else:
            command, confirmed, said = self._alone_command
            notes += [said] if said else []
        return Isolation(
            version=__version__,
            victim=victim,
            place=self._places.get(victim, ""),
            kind=self._kind,
            message=company.message if company is not None else "",
            culprits=self._sets,
            is_complete=self._complete,
            alone=_rate_of(found.alone) if found is not None else None,
            in_order=_rate_of(found.in_order) if found is not None else None,
            in_other_orders=_rate_of(found.elsewhere) if found is not None else None,
            order=found.words if found is not None else "",
            command=command,
            confirmed=confirmed,
            ended_the_process=[
                Member(test=test, place=self._places.get(test, ""), fails=True, message=message)
                for test, message in (company.enders if company is not None else {}).items()
            ],
            notes=notes,
            tests=len(self._items),
            probes=self._probes,
            elapsed=self._elapsed,
            error=request.error,
            seed=request.spec.seed,
            stopped=self._stopped.value if self._stopped is not None else None,
            exit_code=int(self._exit_code()),
        )

    def _exit_code(self) -> ExitCode:
        if (code := exit_code_of_signal(self._stopped)) is not None:
            return code
        if self._sets or (self._kind is Kind.FAILS_ALONE and self._stopped is None):
            return ExitCode.FAILURES
        if self._kind is Kind.NO_OUTCOME and self._company is not None and self._company.skip_reason:
            return ExitCode.NOTHING
        return ExitCode.INCONCLUSIVE


class _Oracle:
    """Runs subsets of the company and tells where the effect showed."""

    def __init__(self, company: Company, arrangement: Arrangement, *, failing: bool) -> None:
        self._company = company
        self._arrangement = arrangement
        self._failing = failing

    def shows(self, subsets: Sequence[Collection[int]]) -> list[bool]:
        """See `flakeproof.features.isolate.culprit_search.Oracle`."""
        seen = self._company.run([self._arrangement.only(subset) for subset in subsets])
        return [one.failed is self._failing for one in seen]


def _rate(shown: int, runs: int, *, failing: bool) -> Rate:
    tally = Tally(shown if failing else runs - shown, runs)
    found = _rate_of(tally)
    assert found is not None
    return found


def _rate_of(tally: Tally) -> Rate | None:
    if not tally.runs:
        return None
    return Rate(failed=tally.failed, runs=tally.runs, interval=anytime_interval(tally.failed, tally.runs, _CONFIDENCE))
