"""The result of a comparison: what its reports show."""

import math
from collections.abc import Sequence

from flakeproof.errors import ExitCode
from flakeproof.features.compare.history import ArmCount, ComparisonHistory
from flakeproof.features.compare.records import ComparisonArm, ComparisonSpec
from flakeproof.features.compare.verdict import FixVerdict, Weighed, decide, exit_code, weigh_kinds
from flakeproof.model import Failure, Finding, Record
from flakeproof.results.history import History
from flakeproof.results.summary import LoadSummary, RateInterval, anytime_interval, loads_of
from flakeproof.stats.comparison import further_pairs, odds_ratio
from flakeproof.stats.special import from_logarithm

SCHEMA_VERSION = 1


class ArmSummary(Record, frozen=True, kw_only=True):
    """The results of one arm, in the pairs that ended."""

    name: str
    target: str
    run_id: str
    revision: str
    passed: int
    failed: int
    other: int
    """Trials that were skipped or lost."""
    rate: float | None
    interval: RateInterval | None
    loads: LoadSummary | None = None
    """How many processes of the arm could load its target; None for a command. With `fresh`, such failures are trials.
    """


class ComparisonEvidence(Record, frozen=True, kw_only=True):
    """E-values for two claims; a claim whose e-value reaches `wanted` is proven."""

    effect: float
    """Evidence that the fix fails less often."""
    futility: float
    """Evidence that the reduction is smaller than the one wanted."""
    wanted: float


class KindSummary(Record, frozen=True, kw_only=True):
    """One kind of failure in both arms."""

    signature: str
    verdict: FixVerdict
    base: int
    """Trials of the base in which this kind was seen."""
    fix: int
    """Trials of the fix in which this kind was seen."""
    evidence: ComparisonEvidence
    example: Failure | None
    """None if no record of an arm has an example."""
    arm: str
    """Name of the arm that the example is from; "" without an example."""


class ConfirmationSummary(Record, frozen=True, kw_only=True):
    """An unprovoked run of the fix: the provocation may have provoked another failure than the one that was fixed."""

    run_id: str
    passed: int
    failed: int
    finding: Finding
    exit_code: int
    """Exit code of the run: 0 if nothing failed and the rate is proven to be below the given one."""


class ComparisonSummary(Record, frozen=True, kw_only=True):
    """The results of a comparison."""

    schema_version: int = SCHEMA_VERSION
    run_id: str
    folder: str
    """The folder of the record."""
    verdict: FixVerdict
    exit_code: int
    seed: int
    error: float
    """Largest probability that the verdict is wrong."""
    reduction: float
    company: int
    """Trials that run at once in a place; if more than 1, the unit of evidence is a pair of blocks, else of trials."""
    base: ArmSummary
    fix: ArmSummary
    pairs: int
    base_lost: int
    """Pairs in which the base failed more often."""
    fix_lost: int
    ties: int
    """Pairs in which both failed, equally often."""
    void: int
    """Pairs in which a trial had no result."""
    evidence: ComparisonEvidence
    odds_ratio_low: float
    """Lower limit of the odds ratio of failing, fix to base."""
    odds_ratio_high: float | None
    """Upper limit; None if the pairs give none."""
    odds_ratio_confidence: float
    kinds: list[KindSummary]
    further_pairs: int | None
    """Pairs still needed at the rates seen so far; 0 with a verdict, None if no number of pairs would decide."""
    elapsed: float
    """Seconds."""
    stopped: str | None
    """Why the comparison ended without a verdict."""
    confirmation: ConfirmationSummary | None = None
    """None without --confirm, or if there was no fix to confirm."""

    @property
    def ok(self) -> bool:
        """Whether the fix is proven."""
        return self.exit_code == ExitCode.GOOD


def summarize_comparison(
    history: ComparisonHistory,
    folder: str,
    arms: Sequence[History],
    confidence: float = 0.95,
    unfinished: str = "",
) -> ComparisonSummary:
    """Summary of a comparison; `arms` are the histories of its arms, which have examples of failures.

    `unfinished` says why the record has no end; the evidence is anytime-valid, so it holds then, too.
    """
    spec = history.spec
    if spec is None:
        raise ValueError("the history has no start of a comparison")
    decision = decide(spec, history)
    base_lost, fix_lost = history.pairs["base"], history.pairs["fix"]
    odds = odds_ratio(base_lost, fix_lost, confidence)
    base, fix = (
        _arm(arm, count, run_id, in_arm, confidence)
        for arm, count, run_id, in_arm in zip(spec.arms, (history.base, history.fix), history.runs, arms, strict=True)
    )
    code = exit_code(decision.verdict, history.stopped)
    if unfinished and decision.verdict is FixVerdict.INCONCLUSIVE:
        code = ExitCode.INCONCLUSIVE
    if fix.loads is not None and fix.loads.failed and not fix.loads.tolerated and code is ExitCode.GOOD:
        code = ExitCode.FAILURES
    further: int | None = 0
    if decision.verdict is FixVerdict.INCONCLUSIVE:
        further = further_pairs(base_lost, fix_lost, history.total, spec.error, spec.reduction)
    return ComparisonSummary(
        run_id=history.run_id,
        folder=folder,
        verdict=decision.verdict,
        exit_code=int(code),
        seed=spec.seed,
        error=spec.error,
        reduction=spec.reduction,
        company=spec.company,
        base=base,
        fix=fix,
        pairs=history.total,
        base_lost=base_lost,
        fix_lost=fix_lost,
        ties=history.pairs["tie"],
        void=history.pairs["void"],
        evidence=_evidence(decision.whole),
        odds_ratio_low=odds.low,
        odds_ratio_high=odds.high if odds.high < math.inf else None,
        odds_ratio_confidence=odds.confidence,
        kinds=_kinds(spec, history, decision.gone, arms),
        further_pairs=further,
        elapsed=history.elapsed,
        stopped=unfinished or history.stopped,
    )


def _arm(arm: ComparisonArm, count: ArmCount, run_id: str, history: History, confidence: float) -> ArmSummary:
    decided = count.passed + count.failed
    interval = anytime_interval(count.failed, decided, confidence) if decided else None
    return ArmSummary(
        name=arm.name,
        target=arm.spec.target.name,
        run_id=run_id,
        revision=arm.revision,
        passed=count.passed,
        failed=count.failed,
        other=count.other,
        rate=count.failed / decided if decided else None,
        interval=interval,
        loads=loads_of(history, confidence),
    )


def _kinds(
    spec: ComparisonSpec, history: ComparisonHistory, gone: Sequence[str], arms: Sequence[History]
) -> list[KindSummary]:
    found = []
    for signature, count, weighed in weigh_kinds(spec, history):
        example, name = _example(signature, spec, arms)
        found.append(
            KindSummary(
                signature=signature,
                verdict=_verdict_of_kind(signature in gone, weighed, count.fix_trials),
                base=count.base_trials,
                fix=count.fix_trials,
                evidence=_evidence(weighed),
                example=example,
                arm=name,
            )
        )
    return sorted(found, key=lambda kind: -(kind.base + kind.fix))


def _verdict_of_kind(is_gone: bool, weighed: Weighed, left: int) -> FixVerdict:
    if is_gone:
        return FixVerdict.FIXED
    if weighed.is_effect and left:
        return FixVerdict.REDUCED
    return FixVerdict.NOT_FIXED if weighed.is_futile else FixVerdict.INCONCLUSIVE


def _example(signature: str, spec: ComparisonSpec, arms: Sequence[History]) -> tuple[Failure | None, str]:
    """An example of a failure, and the name of the arm that it is from."""
    for arm, history in zip(spec.arms, arms, strict=True):
        if (group := history.groups.get(signature)) is not None:
            return group.example, arm.name
    return None, ""


def _evidence(weighed: Weighed) -> ComparisonEvidence:
    return ComparisonEvidence(
        effect=from_logarithm(weighed.effect),
        futility=from_logarithm(weighed.futility),
        wanted=from_logarithm(weighed.wanted),
    )
