"""Failing and passing trials side by side, each recorded: what they did differently."""

from collections.abc import Sequence
from pathlib import Path

from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.engine.time_limits import Budget
from flakeproof.failures.signature import own_frames
from flakeproof.features.diagnose.differences.compare_trials import differences
from flakeproof.features.diagnose.differences.explain import Explanation, explanations
from flakeproof.features.diagnose.differences.traces import cut_off, read_traces
from flakeproof.features.diagnose.evidence import (
    ALONE,
    BUSY,
    FRESH,
    GIVEN,
    PARALLEL,
    PROVOKED,
    RACE,
    SIGNIFICANT,
    TRACED,
)
from flakeproof.features.diagnose.experiment_runner import Arm, BudgetSpent, Laboratory, changed
from flakeproof.features.diagnose.failure_under_study import Flake
from flakeproof.features.diagnose.outcomes import Tally
from flakeproof.model import CommandTarget, Isolation, RunSpec, TraceOrder
from flakeproof.stats.tables import fisher_greater

_CANDIDATES = (ALONE, FRESH, GIVEN, RACE, PARALLEL, BUSY, PROVOKED)
_SHARE = 0.2
_AT_ONCE = 40
"""Trials of a batch: after each it is seen whether there are enough."""
_FAILURES, _PASSES = 60, 120
"""As many of each as tell apart what can be told apart."""
_LEAST = 5
"""Failures, and passes, below which no difference could be told from chance."""
_RARE = 0.02
_TO_RECORD = 0.4
"""Of the time that is left; the rest is for the comparison."""
_NARROWLY = "only the functions that fail recorded"


def run_traced(laboratory: Laboratory) -> Sequence[Explanation]:
    """What the failing trials did that passing ones did not; nothing where too few failed or passed while recorded."""
    source, flake = _source(laboratory), laboratory.flake
    if source is None or flake is None or isinstance(laboratory.given.target, CommandTarget):
        return ()
    spec = source.tally.spec
    assert spec is not None
    frames = own_frames(flake.exception.get("frames", []))
    lines = [(str(file), int(line)) for file, line, _ in frames]
    functions = {str(function) for _, _, function in frames}
    for narrow in (False, True):
        name = f"{TRACED}, narrowly" if narrow else TRACED
        with temporary_root() as folder:
            setting = f"{source.setting}, {_NARROWLY if narrow else 'recorded line by line'}"
            with laboratory.experiment(name, setting, against=source.name, item=source.tally.item) as tally:
                order = TraceOrder(folder=folder, focus=lines[-2:], narrow=narrow)
                _collect(laboratory, tally, _recorded(spec, order), Path(folder), flake)
            failed = _trials_of(tally, flake)
            others = _trials_of(tally, None) - failed
            traces = [trace for trace in read_traces(Path(folder)) if trace.trial not in others]
        traces = cut_off(sorted(traces, key=lambda trace: trace.trial not in failed), lines)
        failing = sum(trace.trial in failed for trace in traces)
        if failing >= _LEAST or not _changes_the_rate(source.tally, tally, flake):
            break
        laboratory.notes.append("recorded line by line it hardly fails: only the functions that fail were recorded")
    if failing < _LEAST or len(traces) - failing < _LEAST:
        laboratory.notes.append(
            f"{failing} failing and {len(traces) - failing} passing tests were recorded: too few to compare"
        )
        return ()
    reached = {at: line.function for trace in traces for at, line in trace.lines.items()}
    return explanations(
        differences(traces, failed, seed=spec.seed, goes_on=lambda: laboratory.room > 0),
        lines,
        functions,
        failing,
        reached,
    )


def _changes_the_rate(source: Tally, recorded: Tally, flake: Flake) -> bool:
    """Whether it fails more rarely while it is recorded, beyond chance."""
    failed, seen = source.failed(flake), recorded.failed(flake)
    rows = (failed, source.trials - failed), (seen, recorded.trials - seen)
    return bool(recorded.trials) and fisher_greater(rows) <= SIGNIFICANT


def can_be_traced(laboratory: Laboratory) -> bool:
    """Whether it fails often enough, in an experiment that can be made again with a recorder."""
    return _source(laboratory) is not None


def _recorded(spec: RunSpec, order: TraceOrder) -> RunSpec:
    """`spec` with each trial recorded, in a process of its own."""
    target = changed(spec, isolation=Isolation.FORK) if spec.isolation is Isolation.SHARED else spec
    return changed(target, trace=order)


def _collect(laboratory: Laboratory, tally: Tally, spec: RunSpec, folder: Path, flake: Flake) -> None:
    """Run batches until there are enough failures and passes, or the time is over."""
    time = Budget(min(laboratory.budget.share(_SHARE), _TO_RECORD * laboratory.room))
    while time.left > 0:
        before = tally.trials
        try:
            laboratory.run(tally, spec, seconds=time.left, count=_AT_ONCE)
        except BudgetSpent:
            return
        failed = _trials_of(tally, flake)
        passes = sorted(path for path in folder.glob("*.json") if int(path.stem) not in failed)
        for path in passes[_PASSES:]:  # rare failures would fill the disk with passes
            path.unlink()
        if (len(failed) >= _FAILURES and len(passes) >= _LEAST) or tally.trials == before:
            return
        if len(passes) >= _PASSES and len(failed) >= _FAILURES // 2:
            return


def _trials_of(tally: Tally, flake: Flake | None) -> set[int]:
    """Numbers of the trials that failed with `flake`; with None: in any way."""
    return {seen.failure.trial for seen in tally.failures(flake)}


def _source(laboratory: Laboratory) -> Arm | None:
    """The experiment in which the flake was nearest to failing every other time; None where it was hardly seen."""
    made = [laboratory.arms[name] for name in _CANDIDATES if name in laboratory.arms]

    def balance(arm: Arm) -> float:
        rate = arm.tally.failed(laboratory.flake) / max(1, arm.tally.trials)
        return min(rate, 1 - rate)

    made = [arm for arm in made if arm.tally.spec is not None and balance(arm) >= _RARE]
    return max(made, key=balance, default=None)
