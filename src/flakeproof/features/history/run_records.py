"""A record of one of our own runs as the results of a job: its tests, how often each ran, and how they failed."""

from pathlib import Path

from flakeproof.events import RunStarted
from flakeproof.features.history.job_facts import FactFinder, moment
from flakeproof.features.history.job_results import FailedInJob, JobResults
from flakeproof.features.run.earlier import history_of
from flakeproof.model import Perturbations, PytestTarget
from flakeproof.results.history import FailureGroup, History
from flakeproof.store.folder import is_being_written
from flakeproof.store.log import read_events
from flakeproof.store.spec_file import arms_of, bisected_in
from flakeproof.text import shown_path


def of_run(folder: Path, facts: FactFinder) -> JobResults | str:
    """The results in the record of a run, or why it has none to add. Raises UsageError for a record that is none."""
    if arms_of(folder) is not None or bisected_in(folder) is not None:
        return "it is a comparison or a bisection, whose runs are of other commits"
    if is_being_written(folder):
        return "it is still going on"
    history = history_of(folder)
    spec = history.spec
    assert spec is not None
    if spec.machines and spec.on is None:
        return "it was merged of parts, which count by themselves"
    first = next(read_events(folder), None)
    assert isinstance(first, RunStarted)
    started = moment(first.at) or 0.0
    # The environment is that of whoever imports: it speaks of a run only as it speaks of a file.
    known = facts.find({}, started=started, machine=first.machine)
    found = JobResults("run", shown_path(str(folder)), known, [f"run:{history.run_id}"], seconds=history.elapsed)
    found.is_provoked = spec.perturbations != Perturbations()
    if isinstance(spec.target, PytestTarget):
        _items(history, found)
    elif history.failed + history.passed:
        found.ran.add(spec.target.name)
        found.trials = history.failed + history.passed
        if history.failed:
            found.failed[spec.target.name] = FailedInJob(history.failed, found.trials, signature=_main(history.groups))
    if not found.ran:
        return "no test came to its end in it"
    return found


def _items(history: History, found: JobResults) -> None:
    counts = {name: one.failed + one.passed for name, one in history.items.items()}
    found.trials = max(counts.values(), default=0)
    for name, one in history.items.items():
        if not counts[name]:
            found.skipped += bool(one.outcomes)
            continue
        found.ran.add(name)
        if one.failed or counts[name] != found.trials:
            found.failed[name] = FailedInJob(one.failed, counts[name], signature=_main(one.groups))


def _main(groups: dict[str, FailureGroup]) -> str:
    """The signature that most failures have."""
    return max(groups.values(), key=lambda group: (group.count, group.signature)).signature if groups else ""
