"""From a study to what is reported of it."""

from collections.abc import Sequence

from flakeproof.errors import ExitCode, exit_code_of_signal
from flakeproof.features.diagnose.evidence import ALONE, CONFIDENCE, GIVEN, Evidence
from flakeproof.features.diagnose.experiment_runner import Arm, Laboratory
from flakeproof.features.diagnose.records import FOUND, Cause, Diagnosis, Difference, Experiment, Place
from flakeproof.features.diagnose.study import Study, counts_of
from flakeproof.results.summary import anytime_interval, exact_interval
from flakeproof.results.verdict import Verdict

_OTHERS = 5


def diagnosis(study: Study, causes: Sequence[Cause]) -> Diagnosis:
    """All that is known."""
    laboratory, evidence = study.laboratory, study.evidence
    flake = laboratory.flake
    name = GIVEN if GIVEN in evidence.arms else ALONE
    counts = evidence.arm(name)
    others: dict[str, str] = {}
    for arm in laboratory.arms.values():
        for seen in arm.tally.seen:
            if flake is not None and not flake.is_same(seen.failure):
                others.setdefault(seen.failure.signature, f"{arm.setting}: {seen.failure.message}")
    verdict = _verdict(study)
    return Diagnosis(
        target=laboratory.given.target.name,
        seed=laboratory.given.seed,
        verdict=verdict,
        exit_code=int(exit_code(causes, verdict, study.stopped)),
        rate=counts.rate if counts.trials else None,
        interval=anytime_interval(counts.failed, counts.trials, CONFIDENCE) if counts.trials else None,
        failure=flake.example.message if flake is not None else "",
        signature=flake.example.signature if flake is not None else "",
        place=flake.place if flake is not None else None,
        others=list(others.values())[:_OTHERS],
        causes=list(causes),
        differences=[
            Difference(
                statement=one.text,
                place=Place(file=one.file, line=one.line, function=one.function),
                is_symptom=one.is_symptom,
            )
            for one in study.differences
        ],
        experiments=[experiment_of(laboratory, arm, evidence) for arm in laboratory.arms.values()],
        notes=laboratory.notes,
        stopped=study.stopped,
        elapsed=laboratory.budget.elapsed,
    )


def exit_code(causes: Sequence[Cause], verdict: Verdict, stopped: str | None) -> ExitCode:
    """The exit code: the table is in docs/diagnose.md."""
    if (code := exit_code_of_signal(stopped)) is not None:
        return code
    if any(cause.status in FOUND for cause in causes):
        return ExitCode.FAILURES
    if verdict is Verdict.INCONCLUSIVE:
        return ExitCode.NOTHING
    if verdict is Verdict.STABLE and not causes:
        return ExitCode.GOOD
    return ExitCode.INCONCLUSIVE


def _verdict(study: Study) -> Verdict:
    """Over all experiments: what never failed, always, or now and then."""
    flake = study.laboratory.flake
    trials = sum(arm.tally.trials for arm in study.laboratory.arms.values())
    failed = sum(arm.tally.failed(flake) for arm in study.laboratory.arms.values()) if flake is not None else 0
    if not trials:
        return Verdict.INCONCLUSIVE
    if not failed:
        return Verdict.STABLE
    return Verdict.BROKEN if failed == trials else Verdict.FLAKY


def experiment_of(laboratory: Laboratory, arm: Arm, evidence: Evidence | None = None) -> Experiment:
    """What came out of an experiment; compared with others where the whole `evidence` is there."""
    counts = counts_of(laboratory, arm)
    return Experiment(
        name=arm.name,
        setting=arm.setting,
        failed=counts.failed,
        other=len({(s.run_id, s.failure.trial) for s in arm.tally.seen}) - counts.failed,
        trials=counts.trials,
        rate=counts.rate if counts.trials else None,
        interval=exact_interval(counts.failed, counts.trials, CONFIDENCE) if counts.trials else None,
        processes=arm.tally.process_count,
        against=arm.against,
        rises=evidence.p(arm.name, "rises") if evidence is not None else None,
        falls=evidence.p(arm.name, "falls") if evidence is not None else None,
        runs=arm.tally.runs,
        elapsed=arm.tally.elapsed,
    )
