"""The words in which a run is told to people, as lines of plain text."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from flakeproof.events import Progressed
from flakeproof.failures.signature import own_frames
from flakeproof.features.run import report_copies, report_dependence, report_items, report_sanitizers
from flakeproof.model import Answer, Failure, Finding, Outcome
from flakeproof.reports.rates import rate_with_interval
from flakeproof.results.summary import SignatureSummary, Summary
from flakeproof.results.verdict import TIME_OVER, Verdict
from flakeproof.store.folder import NAME
from flakeproof.store.log import LOG_NAME
from flakeproof.text import (
    duration,
    expected,
    number,
    odds,
    one_line,
    percent,
    plural,
    short_duration,
    shown_path,
    speed,
    whole_duration,
)
from flakeproof.text import (
    rate as shown_rate,
)

_KINDS_SHOWN = 5


def progress(event: Progressed) -> str:
    """`Progress: 1000/10000 completed (10.0%), 2 failures, 125 tests/sec, ~1m12s remaining`."""
    per_second = event.completed / event.elapsed if event.elapsed > 0 else 0.0
    if event.planned is None:
        done = f"{event.completed} completed"
    else:
        done = f"{event.completed}/{event.planned} completed ({percent(event.completed, event.planned, 1)})"
    left = remaining(event)
    failures = f"{event.failed} failure" + ("" if event.failed == 1 else "s")
    eta = f", ~{whole_duration(left)} remaining" if left is not None else ""
    return f"Progress: {done}, {failures}, {speed(per_second)} tests/sec{eta}"


def remaining(event: Progressed) -> float | None:
    """Seconds until the plan is fulfilled at the present speed; None if that cannot be told yet."""
    if event.completed == 0 or event.elapsed <= 0:
        return None
    ends: list[float] = []
    if event.planned is not None:
        ends.append((event.planned - event.completed) * event.elapsed / event.completed)
    if event.planned_duration is not None:
        ends.append(event.planned_duration - event.elapsed)
    return max(0.0, min(ends)) if ends else None


def failure(number: int, failure: Failure, *, names_item: bool = False) -> str:
    """`FAILURE #1 on test 342: write failed (…): [Errno 9] Bad file descriptor`, with its item if wanted."""
    item = f"{failure.item}: " if names_item and failure.item else ""
    return f"FAILURE #{number} on test {failure.trial}: {item}{failure.message}"


def hidden(count: int) -> str:
    """Said at the end of a run in which not every failure was printed."""
    return f"({number(count)} more failure{'s' if count != 1 else ''} of the same kinds)"


def results(summary: Summary, command: str = "flakeproof") -> Iterator[str]:
    """The results block without the closing line; `command` is how this program is called."""
    yield "=== Stress Test Results ==="
    many = report_items.several(summary)
    yield f"Total tests: {summary.total}" + (f" (passes over {number(len(summary.items))} tests)" if many else "")
    yield f"Passed: {summary.passed} ({percent(summary.passed, summary.total)})"
    yield f"Failed: {summary.failed} ({percent(summary.failed, summary.total)})"
    yield from _other_outcomes(summary)
    yield f"Duration: {duration(summary.elapsed)}"
    yield f"Rate: {speed(summary.trials_per_second or 0)} tests/second"
    if summary.interval is not None:
        yield f"Failure rate: {rate_with_interval(summary.rate or 0.0, summary.interval)}"
        yield from _if_watched(summary)
    yield from report_copies.told(summary)
    yield from report_dependence.dependence(summary)
    if summary.durations is not None:
        yield (
            f"A test takes: {short_duration(summary.durations.median)} (median), "
            f"{short_duration(summary.durations.p95)} (95th percentile), "
            f"{short_duration(summary.durations.longest)} (longest)"
        )
    if cut_short(summary):
        planned = f" of {summary.planned}" if summary.planned is not None else ""
        yield f"Not complete: {summary.stopped}, after {summary.total}{planned} tests"
    if summary.dropped:
        yield f"Not counted: {plural(summary.dropped, 'test')} that had started when the run was ended"
    if many:
        yield ""
        yield from report_items.table(summary)
    if summary.signatures:
        yield ""
        yield from _signatures(summary, command)
    if summary.sanitizers is not None:
        yield ""
        yield from report_sanitizers.told(summary)


def _if_watched(summary: Summary) -> Iterator[str]:
    """The interval that was valid while the run went on, where another one is shown because it is over."""
    if summary.anytime is not None and summary.anytime != summary.interval:
        yield f"Failure rate, if watched: {rate_with_interval(summary.rate or 0.0, summary.anytime)}"


def cut_short(summary: Summary) -> bool:
    """Whether the run ended before its plan was fulfilled; a time alone is a plan that is fulfilled when it is over."""
    if summary.finding is not None and summary.finding.answer is not Answer.UNDECIDED:
        return False
    return summary.stopped is not None and (summary.planned is not None or summary.stopped != TIME_OVER)


def answered(finding: Finding) -> str:
    """The answer to the run's question, with the evidence for it."""
    rate, error = shown_rate(finding.rate), shown_rate(finding.error)
    wanted = f"{odds(finding.wanted)} is wanted for an error of {error}"
    which = f" of {finding.item}" if finding.item else ""
    match finding.answer:
        case Answer.BELOW:
            every = " of every test" if finding.item else ""
            return f"The failure rate{every} is below {rate} (evidence {odds(finding.below)}; {wanted})"
        case Answer.ABOVE:
            return f"The failure rate{which} is above {rate} (evidence {odds(finding.above)}; {wanted})"
    if finding.taken_back:
        return (
            f"Not decided whether the failure rate{which} is below {rate}: the tests depend on each other, and the "
            "evidence from them is not what it would be from independent ones (see above for the remedy)"
        )
    needs = (
        f"at the rate seen so far about {number(finding.further)} more tests would tell"
        if finding.further is not None
        else "the rate seen so far is so close to it that no number of tests would tell"
    )
    return (
        f"Not decided whether the failure rate{which} is below {rate} "
        f"(evidence for below {odds(finding.below)}, for above {odds(finding.above)}; {wanted}): {needs}"
    )


def closing(summary: Summary) -> str:
    """The last line: what it means."""
    if summary.copies is not None and summary.copies.decides:
        return report_copies.closing(summary, answered(summary.finding) if summary.finding is not None else "")
    if summary.finding is not None and summary.passed + summary.failed:
        return answered(summary.finding)
    if summary.total == 0:
        return "No test has run: this run proves nothing"
    if summary.failed and report_items.several(summary):
        return _closing_of_several(summary)
    if summary.failed:
        decided = summary.passed + summary.failed
        return (
            f"Stress test detected {summary.failed} failure{'s' if summary.failed != 1 else ''} "
            f"out of {decided} run{'s' if decided != 1 else ''} "
            f"({percent(summary.failed, decided)} failure rate)"
        )
    lost = summary.outcomes.get(Outcome.LOST, 0)
    if lost:
        return f"{lost} of {summary.total} tests have no result: this run proves nothing"
    if not summary.passed:
        return f"All {summary.total} tests were skipped: this run proves nothing"
    hint = ""
    if summary.ci_rate is not None:
        hint = f" (Expected ~{expected(summary.ci_rate * summary.passed)} failures based on CI rate)"
    if cut_short(summary):
        planned = f", of {summary.planned} planned" if summary.planned is not None else ""
        return f"All {summary.passed} tests that ran passed{planned}{hint}"
    if leaked := summary.outcomes.get(Outcome.LEAKED, 0):
        return f"{summary.passed} tests passed, {leaked} of them left something behind{hint}"
    if skipped := summary.outcomes.get(Outcome.SKIPPED, 0):
        return f"{summary.passed} tests passed, {skipped} were skipped{hint}"
    return f"All {summary.passed} tests passed!{hint}"


def _closing_of_several(summary: Summary) -> str:
    failed = [item for item in summary.items if item.failed]
    always = sum(item.verdict is Verdict.BROKEN for item in failed)
    kinds = [f"{count} {how}" for count, how in ((len(failed) - always, "sometimes"), (always, "always")) if count]
    decided = summary.passed + summary.failed
    return (
        f"Stress test detected failures of {len(failed)} of {len(summary.items)} tests ({', '.join(kinds)}) "
        f"in {summary.failed} out of {decided} pass{'es' if decided != 1 else ''}"
    )


def _other_outcomes(summary: Summary) -> Iterator[str]:
    timed_out = summary.outcomes.get(Outcome.TIMED_OUT, 0)
    crashed = summary.outcomes.get(Outcome.CRASHED, 0)
    if timed_out or crashed:
        parts = [f"{count} {name}" for count, name in ((timed_out, "timed out"), (crashed, "crashed")) if count]
        yield f"Of the failed: {', '.join(parts)}"
    if leaked := summary.outcomes.get(Outcome.LEAKED, 0):
        yield f"Leaked: {leaked} ({percent(leaked, summary.total)}, which passed and left something behind)"
    for outcome, label in ((Outcome.SKIPPED, "Skipped"), (Outcome.LOST, "Lost (no result)")):
        if count := summary.outcomes.get(outcome, 0):
            yield f"{label}: {count} ({percent(count, summary.total)})"


def _signatures(summary: Summary, command: str) -> Iterator[str]:
    """The distinct failures: how often, an example, and how to see it again."""
    kinds = len(summary.signatures)
    yield f"{kinds} distinct failure{'s' if kinds != 1 else ''}:"
    for found in summary.signatures[:_KINDS_SHOWN]:
        yield from _signature(found, alone=kinds == 1)
        yield f"      again: {command} replay {run_name(summary)} {found.example.trial}"
    if kinds > _KINDS_SHOWN:
        more = kinds - _KINDS_SHOWN
        yield f"  and {number(more)} more kind{'s' if more != 1 else ''}: see {Path(summary.folder) / LOG_NAME}"
    if summary.unseen is not None:
        yield report_dependence.unseen(summary.unseen)


def run_name(summary: Summary) -> str:
    """What finds the run again, and stays true: its id, or its folder where the store is not the usual one."""
    return name_of(Path(summary.folder))


def name_of(folder: Path) -> str:
    """What finds the run in `folder` again: its id, or the folder where the store is not the usual one."""
    return folder.name if folder.parent.parent.name == NAME else shlex.quote(str(folder))


def _signature(found: SignatureSummary, *, alone: bool) -> Iterator[str]:
    """`alone` is whether it is the only one, whose rate is that of the run."""
    example = found.example
    yield f"  {found.count} × {one_line(example.message, 200)}"
    if not alone and found.rate is not None and found.interval is not None:
        yield f"      {rate_with_interval(found.rate, found.interval)}"
    if example.item:
        yield f"      in {example.item}"
    frames = example.details.get("exception", {}).get("frames", [])
    if frames:
        file, line, function = own_frames(frames)[-1]
        yield f"      at {shown_path(file)}:{line} in {function}"
    elif place := example.details.get("place"):
        yield f"      at {place}"
    yield f"      first on test {example.trial} (seed {example.seed})"
