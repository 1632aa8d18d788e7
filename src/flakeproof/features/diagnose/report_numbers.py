"""Numbers of a diagnosis in words."""

from flakeproof.features.diagnose.evidence import CONFIDENCE, Evidence, Factor
from flakeproof.stats.detection import zero_failure_bound
from flakeproof.stats.intervals import clopper_pearson
from flakeproof.text import lower, number, plural, probability, share, upper


def counted(failed: int, trials: int) -> str:
    """`12 of 200 failed (6.00%, 3.13% to 10.25%)`, or `0 of 300 failed (at most 0.99%)`: 95 %, exact."""
    said = f"{number(failed)} of {number(trials)} failed"
    if not trials:
        return said
    if not failed:
        return f"{said} (at most {upper(zero_failure_bound(trials, CONFIDENCE))})"
    interval = clopper_pearson(failed, trials, CONFIDENCE)
    if failed == trials:
        return f"{said} (at least {lower(interval.low)})"
    return f"{said} ({share(failed / trials)}, {lower(interval.low)} to {upper(interval.high)})"


def arm(evidence: Evidence, name: str) -> str:
    """`alone, one at a time: 0 of 300 failed (at most 0.99%)`."""
    counts = evidence.arm(name)
    return f"{counts.setting}: {counted(counts.failed, counts.trials)}"


def compared(evidence: Evidence, name: str, way: str = "rises") -> str:
    """`4 processes at once: 30 of 60 failed, alone in turns with that 0 of 60 (p < 10^-6)`; p is the corrected one."""
    counts = evidence.arm(name)
    against = evidence.arm(counts.against)
    p = evidence.p(name, way)
    chance = f" ({probability(p)})" if p is not None else ""
    if "in turns" not in against.setting:
        return f"{arm(evidence, name)}{chance}"
    other = f"{against.setting.partition(', in turns')[0]} in turns with that"
    return (
        f"{counts.setting}: {_share(counts.failed, counts.trials)} failed, "
        f"{other} {_share(against.failed, against.trials)}{chance}"
    )


def _share(failed: int, trials: int) -> str:
    return f"{number(failed)} of {number(trials)}"


def again(factor: Factor, what: str) -> str:
    """How trials ended when rerun with their original seeds."""
    failed, trials = factor.again
    other_failed, other_trials = factor.others
    in_those, in_others = (_in_processes(factor, had_failed=had) for had in (True, False))
    had_passed = f", under {what} that had not in {other_failed} of {other_trials}{in_others}" if other_trials else ""
    return f"again under {what} that had failed: it failed in {failed} of {trials} trials{in_those}{had_passed}"


def _in_processes(factor: Factor, *, had_failed: bool) -> str:
    """` (12 new processes)`, where seeds are those of processes."""
    count = factor.processes(had_failed=had_failed)[1]
    return f" ({plural(count, 'new process', 'new processes')})" if count else ""
