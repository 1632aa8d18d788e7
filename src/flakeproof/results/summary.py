"""The result of a run: what reports show and what `flakeproof.run` returns."""

from collections.abc import Mapping

import msgspec

from flakeproof.copies import Copies
from flakeproof.errors import ExitCode, Stop
from flakeproof.model import CommandTarget, Failure, Finding, Isolation, ItemOutcome, Outcome, Record, RunSpec
from flakeproof.results import sanitizer_findings
from flakeproof.results import verdict as verdicts
from flakeproof.results.dependence import Dependence, Repetition, examine, repetition_in
from flakeproof.results.history import OTHER, FailureGroup, History, ItemHistory
from flakeproof.results.question import find, find_in, reconsider
from flakeproof.results.sanitizer_findings import SightingSummary
from flakeproof.results.verdict import Verdict
from flakeproof.stats import detection, dispersion, intervals
from flakeproof_worker.shared.durations import quantile

SCHEMA_VERSION = 1
_UNSEEN_FAILURES = 5
"""Failures that it takes to tell anything of kinds that have not been seen."""


class RateInterval(Record, frozen=True, kw_only=True):
    """A failure rate is never shown without one."""

    low: float
    high: float
    confidence: float
    method: str


class SignatureSummary(Record, frozen=True, kw_only=True):
    """One distinct failure."""

    signature: str
    count: int
    """Failures of this kind; in one trial several tests may fail alike."""
    items: dict[str, int] = {}  # noqa: RUF012 - a record copies it
    """How often each pytest item failed like this; empty where the target is but one thing."""
    rate: float | None = None
    """Share of the trials that passed or failed; None when there were none."""
    interval: RateInterval | None = None
    example: Failure


class ItemSummary(Record, frozen=True, kw_only=True):
    """One of the pytest items that each trial passes over."""

    item: str
    """Its id; for what failed in the name of several items, such as the teardown of a class, that of their parent."""
    verdict: Verdict
    passed: int
    """With those that were expected to fail and did, or did not and were allowed to."""
    failed: int
    outcomes: dict[str, int]
    rate: float | None
    """Share of failures among passed and failed; None when there were none of either."""
    interval: RateInterval | None
    signatures: list[SignatureSummary]


class UnseenSummary(Record, frozen=True, kw_only=True):
    """Kinds of failure that have not been seen yet, told from how many have been seen only once."""

    share: float
    """Of the failures to come, by Good and Turing."""
    kinds: float
    """How many kinds there are in all, at least, by Chao."""


class UnattributedSummary(Record, frozen=True, kw_only=True):
    """Failures that may be those of several trials: processes that ended, and nobody knows in which of their tests."""

    failures: int
    """Each is counted once."""
    suspects: int
    """Trials that may be guilty, beside those that are charged."""
    low: float
    """Rate of failures if none of these had been a test's fault."""
    high: float
    """Rate of failures if all suspects had failed."""


class LoadSummary(Record, frozen=True, kw_only=True):
    """How many processes could load the target: it counts processes, not trials, and shows flaky imports."""

    loaded: int
    failed: int
    rate: float
    """Share of failures."""
    interval: RateInterval
    tolerated: bool
    """Whether failures count for nothing."""
    signatures: list[SignatureSummary]


class DurationSummary(Record, frozen=True, kw_only=True):
    """How long trials that passed took, in seconds; known to 2 %."""

    shortest: float
    median: float
    p95: float
    longest: float


class ProcessSummary(Record, frozen=True, kw_only=True):
    """What is known of what a process fixes once and its trials share: its hash seed, its addresses, its imports.

    Only processes tell of that, and no number of trials in them.
    """

    processes: int
    """That have run trials."""
    interval: RateInterval
    """Of the share of processes in which it fails, for what has never failed; where all has failed in all of them, that
    for what has never passed."""


class Summary(Record, frozen=True, kw_only=True):
    """What came out of a run."""

    schema_version: int = SCHEMA_VERSION
    run_id: str
    folder: str
    """Where its log is."""
    target: str
    seed: int
    verdict: Verdict
    exit_code: int
    planned: int | None
    total: int
    """Trials that have an outcome."""
    passed: int
    failed: int
    """Failed, timed out and crashed together."""
    outcomes: dict[str, int]
    rate: float | None
    """Share of failures among passed and failed trials; None when there were none of either."""
    interval: RateInterval | None
    """The exact one for a number of trials that was fixed beforehand and done, otherwise that of `anytime`."""
    signatures: list[SignatureSummary]
    items: list[ItemSummary]
    """What pytest collected, in its order, then what failed besides; of a command the tests that it says have failed;
    empty for other targets."""
    has_collected: bool = False
    """Whether `items` are all tests there are, as they were known before they ran."""
    durations: DurationSummary | None
    elapsed: float
    """Seconds."""
    trials_per_second: float | None
    stopped: str | None
    dropped: int = 0
    """Trials that had started when the run was ended; they are not among those counted."""
    ci_rate: float | None
    finding: Finding | None = None
    """The answer to the run's question, if it had one."""
    anytime: RateInterval | None = None
    """The interval of `rate` that holds whenever one looks at it, also while the run goes on."""
    dependence: Dependence | None = None
    """Whether the trials were independent; None where that could not be tested. If not, intervals are approximate."""
    fixed_once: ProcessSummary | None = None
    """What limits the claim about tests that have always passed, or always failed; None where there are none, or where
    each trial had a process to itself."""
    sanitizers: list[str] | None = None
    """What was watched; None for nothing."""
    sightings: list[SightingSummary] = []  # noqa: RUF012 - a record copies it
    """What the sanitizers have seen, the worst first."""
    repetition: list[Repetition] = []  # noqa: RUF012 - a record copies it
    """Tests that passed in the first trial of each process and failed in later ones."""
    unattributed: UnattributedSummary | None = None
    """None where each failure is known to be that of its test."""
    loads: LoadSummary | None = None
    """None for a target of which nothing is loaded, such as a command."""
    copies: Copies | None = None
    """What was found out about failures with several tests at once. If they are those of copies that collide, verdict,
    exit code and finding are by the trials alone; the other figures are of the run."""
    alone: RateInterval | None = None
    """The interval of the failure rate of the trials alone."""
    unseen: UnseenSummary | None = None
    """None where every kind of failure was seen twice, or there are too few failures."""

    @property
    def ok(self) -> bool:
        """Whether nothing failed and something ran, or a question was answered well."""
        return self.exit_code == ExitCode.GOOD


def summarize(history: History, folder: str, confidence: float = 0.95, *, unfinished: str = "") -> Summary:
    """Summary of a run whose events are all in `history`; `unfinished` is why there are not all, "" if there are."""
    spec = history.spec
    if spec is None:
        raise ValueError("the history has no start of a run")
    passed, failed = history.passed, history.failed
    lost = history.outcomes[Outcome.LOST] + (history.stopped == Stop.INTERFERED)
    decided = passed + failed
    stopped = unfinished or history.stopped
    complete = spec.is_fixed_count and stopped is None and history.total == spec.count
    dependence = examine(history)
    worth = dependence.effective / dependence.trials if dependence is not None and dependence.dependent else None
    copies = history.copies
    items = [
        _item(name, item, confidence, worth, complete=complete)
        for name, item in history.items.items()
        if history.has_collected or item.failed  # a command tells of its other tests only now and then
    ]
    if copies is not None:
        items = [_acquitted(item) if copies.acquits(item.item) else item for item in items]
    judged = (copies.alone.failed, copies.alone.passed, 0) if copies is not None and copies.decides else None
    code = verdicts.exit_code(*(judged or (failed, passed, lost)), history.stopped)
    finding = history.finding or (find(spec.question, history) if spec.question is not None else None)
    if spec.question is not None and finding is not None:
        if judged is not None:
            finding = find_in(spec.question, judged[0], judged[0] + judged[1])
        elif worth is not None:
            finding = reconsider(spec.question, finding, history, worth)
        code = verdicts.exit_code_of_answer(finding.answer, code, tolerates=spec.question.tolerates)
    loads = loads_of(history, confidence)
    not_loaded = loads.failed if loads is not None and not loads.tolerated else 0
    if unfinished:
        code = ExitCode.FAILURES if failed else ExitCode.INCONCLUSIVE
    if not_loaded and code in (ExitCode.GOOD, ExitCode.INCONCLUSIVE):
        code = ExitCode.FAILURES
    return Summary(
        run_id=history.run_id,
        folder=folder,
        target=spec.target.name,
        seed=spec.seed,
        verdict=verdicts.Verdict.INCOMPLETE
        if unfinished
        else verdicts.of_items(
            [item.verdict for item in items],
            verdicts.of_run(*(judged or (failed + not_loaded, passed, lost))),
        ),
        exit_code=int(code),
        planned=spec.count,
        total=history.total,
        passed=passed,
        failed=failed,
        outcomes={outcome.value: history.outcomes[outcome] for outcome in Outcome if history.outcomes[outcome]},
        rate=failed / decided if decided else None,
        interval=_interval(failed, decided, confidence, worth, complete=complete) if decided else None,
        signatures=_signatures(history.groups, decided, confidence, worth, complete=complete),
        items=items,
        has_collected=history.has_collected,
        durations=_durations(history.durations),
        elapsed=history.elapsed,
        trials_per_second=history.total / history.elapsed if history.elapsed > 0 else None,
        stopped=stopped,
        dropped=history.dropped,
        ci_rate=spec.ci_rate,
        finding=finding,
        anytime=_interval(failed, decided, confidence, worth, complete=False) if decided else None,
        dependence=dependence,
        fixed_once=_fixed_once(history, spec, items, confidence, complete=complete),
        sanitizers=spec.sanitize.names if spec.sanitize is not None else None,
        sightings=sanitizer_findings.of_run(history),
        repetition=repetition_in(history),
        unattributed=_unattributed(history, decided),
        loads=loads,
        copies=copies,
        alone=_interval(copies.alone.failed, copies.alone.total, confidence, None, complete=False)
        if copies is not None and copies.alone.total
        else None,
        unseen=_unseen(history.groups),
    )


def _unattributed(history: History, decided: int) -> UnattributedSummary | None:
    if not history.unattributed or not decided:
        return None
    return UnattributedSummary(
        failures=history.unattributed,
        suspects=history.suspects,
        low=(history.failed - history.unattributed) / decided,
        high=min(decided, history.failed + history.suspects) / decided,
    )


def loads_of(history: History, confidence: float) -> LoadSummary | None:
    """How many processes of a run could load its target; None for a command, which loads nothing."""
    failed = sum(group.count for group in history.not_loaded.values())
    total = history.loaded + failed
    if not total or history.spec is None or isinstance(history.spec.target, CommandTarget):
        return None
    return LoadSummary(
        loaded=history.loaded,
        failed=failed,
        rate=failed / total,
        # Whether another process is started depends on what the others do: the number is not fixed.
        interval=_interval(failed, total, confidence, None, complete=False),
        tolerated=history.spec.tolerates_load_failures,
        signatures=_signatures(history.not_loaded, total, confidence, None, complete=False),
    )


def _fixed_once(
    history: History, spec: RunSpec, items: list[ItemSummary], confidence: float, *, complete: bool
) -> ProcessSummary | None:
    processes = len(history.places.processes)
    if spec.isolation is Isolation.FRESH or not processes:
        return None
    always_failed = bool(history.failed) and not history.passed
    never_failed = not history.failed or any(item.passed and not item.failed for item in items)
    if not never_failed and not always_failed:
        return None
    failed = 0 if never_failed else processes
    interval = (exact_interval if complete else anytime_interval)(failed, processes, confidence)
    return ProcessSummary(processes=processes, interval=interval)


def _acquitted(item: ItemSummary) -> ItemSummary:
    """A test that fails only because copies of it collide."""
    return msgspec.structs.replace(item, verdict=Verdict.STABLE)


def _signatures(
    groups: Mapping[str, FailureGroup], decided: int, confidence: float, worth: float | None, *, complete: bool
) -> list[SignatureSummary]:
    found = []
    for group in sorted(groups.values(), key=lambda group: (-group.count, group.example.trial)):
        trials = min(group.trials, decided)
        found.append(
            SignatureSummary(
                signature=group.signature,
                count=group.count,
                items=dict(group.items.most_common()),
                rate=trials / decided if decided else None,
                interval=_interval(trials, decided, confidence, worth, complete=complete) if decided else None,
                example=group.example,
            )
        )
    return found


def _unseen(groups: Mapping[str, FailureGroup]) -> UnseenSummary | None:
    counts = [group.count for group in groups.values()]
    if sum(counts) < _UNSEEN_FAILURES or 1 not in counts or OTHER in groups:
        return None
    return UnseenSummary(share=detection.unseen_share(counts), kinds=detection.kinds_in_all(counts))


def _item(name: str, item: ItemHistory, confidence: float, worth: float | None, *, complete: bool) -> ItemSummary:
    failed, passed = item.failed, item.passed
    # An item that is left out once it has failed has decided about its own end.
    complete = complete and not item.outcomes[ItemOutcome.LEFT_OUT]
    decided = passed + failed
    return ItemSummary(
        item=name,
        verdict=verdicts.of_run(failed, passed, 0),
        passed=passed,
        failed=failed,
        outcomes={outcome.value: item.outcomes[outcome] for outcome in ItemOutcome if item.outcomes[outcome]},
        rate=failed / decided if decided else None,
        interval=_interval(failed, decided, confidence, worth, complete=complete) if decided else None,
        signatures=_signatures(item.groups, decided, confidence, worth, complete=complete),
    )


def _interval(failed: int, decided: int, confidence: float, worth: float | None, *, complete: bool) -> RateInterval:
    """`worth` is the part of a trial that one tells as much as, where they depend on each other."""
    if worth is not None and failed:
        return _approximate(failed, decided, confidence, worth, complete=complete)
    return (exact_interval if complete else anytime_interval)(failed, decided, confidence)


def exact_interval(failed: int, trials: int, confidence: float) -> RateInterval:
    """The one for a number of trials that was fixed beforehand; one-sided where none has failed."""
    if not failed:
        high = detection.zero_failure_bound(trials, confidence)
        return RateInterval(low=0.0, high=high, confidence=confidence, method="clopper-pearson, one-sided")
    found = intervals.clopper_pearson(failed, trials, confidence)
    return RateInterval(low=found.low, high=found.high, confidence=confidence, method=found.method)


def anytime_interval(failed: int, trials: int, confidence: float) -> RateInterval:
    """Anytime-valid interval; required when the data decide when to stop."""
    found = intervals.robbins(failed, trials, confidence)
    return RateInterval(low=found.low, high=found.high, confidence=confidence, method=found.method)


def _approximate(failed: int, decided: int, confidence: float, worth: float, *, complete: bool) -> RateInterval:
    """The interval that fewer independent trials would have given, at the rate seen."""
    if complete:
        found = dispersion.korn_graubard(failed, decided, decided * worth, confidence)
    else:
        found = intervals.robbins(failed * worth, decided * worth, confidence)
    return RateInterval(low=found.low, high=found.high, confidence=confidence, method=f"approximate, {found.method}")


def _durations(buckets: Mapping[int, int]) -> DurationSummary | None:
    values = [quantile(buckets, share) for share in (0.0, 0.5, 0.95, 1.0)]
    shortest, median, p95, longest = values
    if shortest is None or median is None or p95 is None or longest is None:
        return None
    return DurationSummary(shortest=shortest, median=median, p95=p95, longest=longest)
