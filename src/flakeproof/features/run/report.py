"""The words in which a run is told to people, as lines of plain text."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from flakeproof.errors import Stop
from flakeproof.events import Progressed
from flakeproof.features.run import report_findings, report_items
from flakeproof.model import Answer, Failure, Finding, Outcome
from flakeproof.reports.details import failure_details, summary_lines
from flakeproof.reports.rates import rate_with_interval
from flakeproof.results.summary import SignatureSummary, Summary
from flakeproof.results.verdict import Verdict
from flakeproof.store.folder import NAME
from flakeproof.text import (
    FIXED,
    duration,
    expected,
    number,
    odds,
    one_line,
    percent,
    plural,
    share,
    short_duration,
    speed,
    whole_duration,
)
from flakeproof.text import (
    rate as shown_rate,
)

_KINDS_SHOWN = 5
_ITEMS_SHOWN = 10


def progress(event: Progressed, *, several: bool = False) -> str:
    """`Progress: 1000/10000 completed (10.0%), 2 failures, 125 tests/sec, ~1m12s remaining`."""
    per_second = event.completed / event.elapsed if event.elapsed > 0 else 0.0
    if event.planned is None:
        done = f"{event.completed} completed"
    else:
        done = f"{event.completed}/{event.planned} completed ({percent(event.completed, event.planned, 1)})"
    left = remaining(event)
    failures = f"{event.failed} failure" + ("" if event.failed == 1 else "s")
    eta = f", ~{whole_duration(left)} remaining" if left is not None else ""
    nodes = f" on {plural(event.nodes, 'node')}" if event.nodes is not None else ""
    return f"Progress: {done}, {failures}, {speed(per_second)} {'passes' if several else 'tests'}/sec{nodes}{eta}"


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


def failure(number: int, failure: Failure, *, several: bool = False) -> str:
    """`FAILURE #1 on test 342: write failed (…): [Errno 9] Bad file descriptor`.

    A trial of `several` tests is a pass, and the line says which of them failed.
    """
    item = f"{failure.item}: " if several and failure.item else ""
    where = f"{'pass' if several else 'test'} {failure.trial}{_on_node(failure)}"
    return f"FAILURE #{number} on {where}: {item}{failure.message}"


def _on_node(failure: Failure) -> str:
    """` on node a`, where it was on a cluster."""
    return f" on node {failure.details['node']}" if "node" in failure.details else ""


def is_pass(summary: Summary) -> bool:
    """Whether a trial of the run is a pass over several tests of pytest."""
    return report_items.several(summary) and summary.has_collected


def unit(summary: Summary) -> str:
    """What a trial of the run is called."""
    return "pass" if is_pass(summary) else "test"


def units(summary: Summary) -> str:
    """The plural of `unit`."""
    return "passes" if is_pass(summary) else "tests"


def results(summary: Summary, command: str = "flakeproof", *, verbose: bool = False) -> Iterator[str]:
    """The results block without the closing line; `command` is how this program is called."""
    yield "=== Stress Test Results ==="
    many = report_items.several(summary)
    over = f" (of {number(len(summary.items))} tests)" if is_pass(summary) else ""
    yield f"Total {units(summary)}: {summary.total}{over}"
    yield f"Passed: {summary.passed} ({percent(summary.passed, summary.total)})"
    yield f"Failed: {summary.failed} ({percent(summary.failed, summary.total)})"
    yield from _other_outcomes(summary)
    yield from report_items.load_failures(summary.loads)
    yield f"Duration: {duration(summary.elapsed)}"
    yield f"Rate: {speed(summary.trials_per_second or 0)} {units(summary)}/second"
    if summary.interval is not None and (verbose or not (is_pass(summary) or _is_answered(summary))):
        yield f"Failure rate: {rate_with_interval(summary.rate or 0.0, summary.interval, method=verbose)}"
    if verbose and summary.anytime is not None and summary.anytime != summary.interval:
        watched = rate_with_interval(summary.rate or 0.0, summary.anytime, method=True)
        yield f"Failure rate, if watched: {watched}"
    yield from report_findings.fixed_once(summary)
    if (unclear := summary.unattributed) is not None:
        crashes = "1 crash is" if unclear.failures == 1 else f"{number(unclear.failures)} crashes are each"
        low = share(unclear.low, exact_zero=not unclear.low)
        high = share(unclear.high, exact_one=unclear.high == 1)
        yield (
            f"Not charged for certain: {crashes} that of one of several tests in flight; whichever they were, "
            f"the rate seen is {low} to {high}"
        )
    yield from report_findings.copies(summary)
    yield from report_findings.repetition(summary)
    yield from report_findings.dependence(summary)
    if verbose and summary.durations is not None:
        yield (
            f"A {unit(summary)} takes: {short_duration(summary.durations.median)} (median), "
            f"{short_duration(summary.durations.p95)} (95th percentile), "
            f"{short_duration(summary.durations.longest)} (longest)"
        )
    if cut_short(summary):
        planned = f" of {summary.planned}" if summary.planned is not None else ""
        yield f"Not complete: {summary.stopped}, after {summary.total}{planned} {units(summary)}"
    if summary.dropped:
        yield f"Not counted: {plural(summary.dropped, 'test')} that had started when the run was ended"
    if many:
        yield ""
        yield from report_items.table(summary)
    if summary.signatures:
        yield ""
        yield from _signatures(summary, command, verbose=verbose)
    if summary.sanitizers is not None:
        yield ""
        yield from report_findings.sightings(summary)


def _is_answered(summary: Summary) -> bool:
    """Whether the closing line says on which side of the rate in question the target is."""
    return summary.finding is not None and summary.finding.answer is not Answer.UNDECIDED


def cut_short(summary: Summary) -> bool:
    """Whether the run ended before its plan was fulfilled; a time alone is a plan that is fulfilled when it is over."""
    if summary.finding is not None and summary.finding.answer is not Answer.UNDECIDED:
        return False
    return summary.stopped is not None and (summary.planned is not None or summary.stopped != Stop.DURATION)


def answered(finding: Finding, *, verbose: bool = False) -> str:
    """The answer to the run's question, with how sure it is, and the evidence for it if wanted."""
    rate, error = shown_rate(finding.rate), shown_rate(finding.error)
    wanted = f"{odds(finding.wanted)} is wanted for an error of {error}"
    sure = f"{shown_rate(1 - finding.error)} confidence"
    which = f" of {finding.item}" if finding.item else ""
    match finding.answer:
        case Answer.BELOW:
            every = " of every test" if finding.item else ""
            return f"The failure rate{every} is below {_below(finding, verbose=verbose)}"
        case Answer.ABOVE:
            why = f"evidence {odds(finding.above)}; {wanted}" if verbose else sure
            return f"The failure rate{which} is above {rate} ({why})"
    if finding.taken_back:
        return (
            f"Not decided whether the failure rate{which} is below {rate}: the tests depend on each other, and the "
            "evidence from them is not what it would be from independent ones (see above for the remedy)"
        )
    if finding.further_processes:
        return (
            f"Not decided whether the failure rate{which} is below {rate}: it is from test to test (evidence "
            f"{odds(finding.below)}), but what a process fixes once ({FIXED}) differed in only "
            f"{plural(finding.processes, 'process', 'processes')}, and about {number(finding.further_processes)} more "
            f"would tell; --process-rate asks for less of it than {shown_rate(finding.process_rate or finding.rate)}"
        )
    needs = (
        f"at the rate seen so far about {number(finding.further)} more tests would tell"
        if finding.further is not None
        else "the rate seen so far is so close to it that no number of tests would tell"
    )
    evidence = f" (evidence for below {odds(finding.below)}, for above {odds(finding.above)}; {wanted})"
    return f"Not decided whether the failure rate{which} is below {rate}{evidence if verbose else ''}: {needs}"


def _below(finding: Finding, *, verbose: bool) -> str:
    """The rate that it is below, for which of what differs, and how sure that is."""
    rate, evidence = shown_rate(finding.rate), f"evidence {odds(finding.below)}"
    wanted = f"{odds(finding.wanted)} is wanted for an error of {shown_rate(finding.error)}"
    of_processes = ""
    if finding.process_rate is not None:
        count = plural(finding.processes, "process", "processes")
        if finding.process_rate > finding.rate:
            rate += f" from test to test, and below {shown_rate(finding.process_rate)} for what a process fixes once"
            rate += f" ({FIXED})"
        of_processes = f" from tests, {odds(finding.process_below)} from {count}" if verbose else f", {count}"
    sure = f"{shown_rate(1 - finding.error)} confidence"
    return f"{rate} ({evidence}{of_processes}; {wanted})" if verbose else f"{rate} ({sure}{of_processes})"


def closing(summary: Summary, *, verbose: bool = False) -> str:
    """The last line: what it means."""
    said = _closing(summary, verbose=verbose)
    remark = report_items.load_remark(summary.loads)
    return f"{said.removesuffix('!')}, but {remark}" if remark else said


def _closing(summary: Summary, *, verbose: bool) -> str:
    if summary.copies is not None and summary.copies.decides:
        told = answered(summary.finding, verbose=verbose) if summary.finding is not None else ""
        return report_findings.copies_closing(summary, told)
    if summary.finding is not None and summary.passed + summary.failed:
        return answered(summary.finding, verbose=verbose)
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
    if summary.stopped == Stop.INTERFERED:
        return f"A test has interfered with flakeproof: this run of {summary.total} tests proves nothing"
    if lost:
        return f"{lost} of {summary.total} {units(summary)} have no result: this run proves nothing"
    if not summary.passed:
        return f"All {summary.total} {units(summary)} were skipped: this run proves nothing"
    hint = ""
    if summary.ci_rate is not None:
        hint = f" (Expected ~{expected(summary.ci_rate * summary.passed)} failures based on CI rate)"
    if cut_short(summary):
        planned = f", of {summary.planned} planned" if summary.planned is not None else ""
        return f"All {summary.passed} {units(summary)} that ran passed{planned}{hint}"
    if leaked := summary.outcomes.get(Outcome.LEAKED, 0):
        return f"{summary.passed} {units(summary)} passed, {leaked} of them left something behind{hint}"
    if skipped := summary.outcomes.get(Outcome.SKIPPED, 0):
        return f"{summary.passed} {units(summary)} passed, {skipped} were skipped{hint}"
    return f"All {summary.passed} {units(summary)} passed!{hint}"


def _closing_of_several(summary: Summary) -> str:
    failed = [item for item in summary.items if item.failed]
    always = sum(item.verdict is Verdict.BROKEN for item in failed)
    kinds = [f"{count} {how}" for count, how in ((len(failed) - always, "sometimes"), (always, "always")) if count]
    decided = summary.passed + summary.failed
    if not summary.has_collected:
        return (
            f"Stress test detected failures of {len(failed)} tests ({', '.join(kinds)}) "
            f"in {summary.failed} out of {decided} run{'s' if decided != 1 else ''}"
        )
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


def _signatures(summary: Summary, command: str, *, verbose: bool) -> Iterator[str]:
    """The distinct failures: how often, an example with its traceback, and how to see it again."""
    kinds = len(summary.signatures)
    yield f"{kinds} distinct failure{'s' if kinds != 1 else ''}:"
    for found in summary.signatures if verbose else summary.signatures[:_KINDS_SHOWN]:
        yield from _signature(found, unit(summary), alone=kinds == 1, verbose=verbose)
        yield f"      again: {command} replay {run_name(summary)} {found.example.trial}"
    if kinds > _KINDS_SHOWN and not verbose:
        more = kinds - _KINDS_SHOWN
        yield f"  and {number(more)} more kind{'s' if more != 1 else ''}: {command} show {run_name(summary)}"
    if summary.unseen is not None:
        yield report_findings.unseen(summary.unseen)


def run_name(summary: Summary) -> str:
    """What finds the run again, and stays true: its id, or its folder where the store is not the usual one."""
    return name_of(Path(summary.folder))


def name_of(folder: Path) -> str:
    """What finds the run in `folder` again: its id, or the folder where the store is not the usual one."""
    return folder.name if folder.parent.parent.name == NAME else shlex.quote(str(folder))


def _signature(found: SignatureSummary, unit: str, *, alone: bool, verbose: bool) -> Iterator[str]:
    """`alone` is whether it is the only one, whose rate is that of the run."""
    example = found.example
    yield f"  {found.count} × {one_line(example.message, 200)}"
    if not alone and found.rate is not None and found.interval is not None:
        yield f"      {rate_with_interval(found.rate, found.interval, method=verbose)}"
    if len(found.items) > 1:
        shown = list(found.items.items()) if verbose else list(found.items.items())[:_ITEMS_SHOWN]
        for item, count in shown:
            yield f"      {number(count)} in {item}"
        if len(found.items) > len(shown):
            yield f"      and in {plural(len(found.items) - len(shown), 'more test')}"
    elif example.item and example.item not in example.message:
        yield f"      in {example.item}"
    yield from (f"      {row}" for row in (failure_details(example) if verbose else summary_lines(example)))
    yield f"      first on {unit} {example.trial}{_on_node(example)} (seed {example.seed})"
