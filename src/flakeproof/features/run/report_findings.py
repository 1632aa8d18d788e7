"""What a run found beside its rate, in words: sanitizers, copies that collide, tests that depend on each other."""

import shlex
from collections.abc import Iterator

from flakeproof.copies import Conclusion, Copies, CopyCounts
from flakeproof.model import Answer, Isolation
from flakeproof.reports.rates import bounds, rate_with_interval
from flakeproof.results.dependence import REPETITION_LEVEL, Aspect, Dependence, Repetition
from flakeproof.results.sanitizer_findings import SightingSummary
from flakeproof.results.summary import Summary, UnseenSummary
from flakeproof.text import FIXED, expected, number, percent, plural, probability, rate, share, shown_path

_SHOWN = 8


def sightings(summary: Summary) -> Iterator[str]:
    """Lines about all of it; none where nobody watched."""
    if summary.sanitizers is None:
        return
    names = " and ".join(summary.sanitizers)
    if not summary.sightings:
        yield f"The sanitizers ({names}) have seen nothing"
        return
    yield f"Seen by the sanitizers ({names}):"
    for sighting in summary.sightings[:_SHOWN]:
        yield from _sighting(sighting)
    if (more := len(summary.sightings) - _SHOWN) > 0:
        yield f"  and {number(more)} more: see the JSON report"


def sighting_headline(sighting: SightingSummary) -> str:
    """`57 × closed a descriptor that belongs to somebody else (socket)`."""
    return f"{number(sighting.times)} × {sighting.kind} ({sighting.what})"


def sighting_place(sighting: SightingSummary) -> str:
    """`leaky_server.py:135 in LeakyTCPServer._guard`; "" where it is not known."""
    place = sighting.place
    return f"{shown_path(place.file)}:{place.line} in {place.function}" if place is not None else ""


def sighting_company(sighting: SightingSummary) -> str:
    """`in 50 of 52 failures (96.15%), 12 of 1,948 passes (0.62%)`, with the p-value where that tells something."""
    parts = []
    for count, of, name in (
        (sighting.in_failures, sighting.failures, "failure"),
        (sighting.in_passes, sighting.passes, "pass"),
    ):
        if of:
            plural = name if of == 1 else f"{name}es" if name.endswith("s") else f"{name}s"
            parts.append(f"{number(count)} of {number(of)} {plural} ({percent(count, of)})")
    text = f"in {', '.join(parts)}" if parts else ""
    if sighting.p is None or not sighting.goes_with_failures:
        return text
    return f"{text}: goes with the failures ({probability(sighting.p)})"


def _sighting(sighting: SightingSummary) -> Iterator[str]:
    yield f"  {sighting_headline(sighting)}"
    if where := sighting_place(sighting):
        yield f"      at {where}"
    if text := sighting_company(sighting):
        yield f"      {text}"
    for example in sighting.examples[:1]:
        yield f"      e.g. {example.text}"


_NAMED = 3


def copies(summary: Summary) -> Iterator[str]:
    """Both figures, and what they mean where that is not said elsewhere; nothing where nothing was looked into."""
    found = summary.copies
    if found is None:
        return
    if found.conclusion is Conclusion.FAILS_ALONE:
        where = " beside as busy a machine" if found.was_busy else ""
        names = _which(found, Conclusion.FAILS_ALONE)
        yield f"Fails one at a time as well ({_counted(found.alone)} tests{where}): copies are not the cause{names}"
        if names := _which(found, Conclusion.COLLIDE):
            yield f"Copies collide, not counted as flaky{names}. {found.remedy}"
    if found.reason:
        names = _which(found, Conclusion.UNKNOWN)
        yield f"Could not tell whether copies of this test collide{names}: {found.reason}; one at a time: -w 1"
    if found.alone.total and found.conclusion is not Conclusion.FAILS_ALONE:
        yield copies_figures(summary)


def copies_figures(summary: Summary, item: str | None = None) -> str:
    """`One at a time 0 of 26 failed (at most …); 2 at once 21 of 52 in turns with them, and 14 of 20 before; …`.

    Of the run, or of the test `item` in it.
    """
    found = summary.copies
    assert found is not None
    alone, company = (found.alone, found.company) if item is None else found.of(item)
    failed = summary.failed
    if item is not None:
        failed = next((one.failed for one in summary.items if one.item == item), summary.failed)
    interval = ""
    if summary.alone is not None and alone == found.alone:
        interval = f", {rate_with_interval(found.alone.failed / found.alone.total, summary.alone)}"
    where = " beside as busy a machine" if found.was_busy else ""
    decided = summary.passed + summary.failed
    return (
        f"One at a time{where} {_counted(alone)} failed{interval}; {found.at_once} at once "
        f"{_counted(company)} in turns with them, and {number(failed)} of {number(decided)} before "
        f"(Fisher's exact test, error {rate(found.error)})"
    )


def copies_verdict(summary: Summary, item: str | None = None) -> str:
    """`Passes alone: copies of this test collide (port 8000, at …); not counted as flaky. Isolate with …`.

    Of the run, or of the test `item` in it.
    """
    found = summary.copies
    assert found is not None
    alone = found.alone if item is None else found.of(item)[0]
    thing = ", ".join(part for part in (found.what, f"at {found.place}" if found.place else "") if part)
    shown = f" ({thing})" if thing else ""
    if alone.failed:
        share = percent(alone.failed, alone.total)
        return (
            f"Alone it fails {_counted(alone)} times ({share}), beside copies of itself far more often: they "
            f"collide{shown}. {found.remedy}"
        )
    return f"Passes alone: copies of this test collide{shown}; not counted as flaky. {found.remedy}"


def copies_closing(summary: Summary, answer: str) -> str:
    """The last line of a run whose copies collide; `answer` is that to its question, if it had one."""
    if summary.finding is None or not answer:
        return copies_verdict(summary)
    gist = copies_verdict(summary)
    if summary.finding.answer is Answer.BELOW:
        return f"{answer}. {gist}"
    return f"{answer}; {gist[0].lower()}{gist[1:]}"


def _counted(counts: CopyCounts) -> str:
    return f"{number(counts.failed)} of {number(counts.total)}"


def _which(found: Copies, conclusion: Conclusion) -> str:
    """` (test_a, test_b and 2 more)`: the tests of which that was concluded, where there are several."""
    names = [item.item for item in found.items if item.conclusion is conclusion]
    if len(found.items) < 2 or not names:
        return ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f" ({', '.join(names[:_NAMED])}{more})"


_MORE_PROCESSES = 4
_REPETITIONS = 5
_STATES = 3


def dependence(summary: Summary) -> Iterator[str]:
    """A line for each finding, and one for what to do about it; nothing where tests are independent."""
    found = summary.dependence
    if found is None or not found.dependent or (summary.copies is not None and summary.copies.decides):
        return
    worth = f"effective sample {expected(found.effective)} of {number(found.trials)}"
    for what, evidence in _findings(found):
        yield f"{what}: {worth + '; ' if worth else ''}{evidence}"
        worth = ""
    yield _remedy(found)


def repetition(summary: Summary) -> Iterator[str]:
    """A line for each test that cannot run twice in one process, and one for what to do about it."""
    for found in summary.repetition[:_REPETITIONS]:
        every = f"{number(found.later_failed)} of {number(found.later)} later ones"
        where = f"in each of {number(found.processes)} processes" if found.processes > 1 else "in its process"
        cause = (
            (
                "it cannot run twice in one process"
                if found.later_failed == found.later
                else "it leaves something behind"
            )
            if found.alone
            else "what an earlier pass leaves behind makes it fail, its own or that of another test"
        )
        if found.p > REPETITION_LEVEL:
            cause = f"perhaps {cause}"
        yield f"{found.item} passed the first time {where}, and failed in {every} ({probability(found.p)}): {cause}"
    if (more := len(summary.repetition) - _REPETITIONS) > 0:
        yield f"So did {plural(more, 'more test')}"
    if summary.repetition:
        yield from staying(summary.repetition[0], of_several=len(summary.repetition) > 1)


def staying(found: Repetition, *, of_several: bool = False) -> Iterator[str]:
    """What stays of the test in its process, and the command that says more."""
    of = f" of {found.item}" if of_several else ""
    command = f"flakeproof isolate {shlex.quote(found.item)}"
    if not found.state:
        yield f"What stays{of} in the process: {found.state_unknown}"
    else:
        proven = [one for one in found.state if one.decides]
        for one in (proven or found.state)[:_STATES]:
            name = one.name if one.name.startswith(one.kind) else f"{one.kind} {one.name}"
            at = (
                f", changed at {one.changed_at}" if one.changed_at else f", defined at {one.place}" if one.place else ""
            )
            ends = "with that put back it passes again" if one.decides else "that it decides was not shown"
            yield f"What stays{of} in the process: {name}: {one.before} became {one.after}{at}; {ends}"
    yield f"With --isolation fork each pass has a process of its own; more about what stays: {command}"


def fixed_once(summary: Summary) -> Iterator[str]:
    """`What a process fixes once (hash seed, imports, addresses): at most 11.74% (95%, 24 processes)`.

    One to four processes bound nothing (their limit is above a half), so the sentence names them without a number.
    """
    found = summary.fixed_once
    if found is None:
        return
    if not found.interval.low and found.interval.high > 0.5:
        varied = "Not varied" if found.processes == 1 else "Hardly varied"
        yield f"{varied}: what a process fixes once ({FIXED}), in {plural(found.processes, 'process', 'processes')}"
        return
    bound = bounds(1.0 if found.interval.low > 0 else 0.0, found.interval)
    which = ", for tests that never failed" if summary.failed and not found.interval.low else ""
    yield (
        f"What a process fixes once ({FIXED}){which}: "
        f"{bound} ({100 * found.interval.confidence:g}%, {plural(found.processes, 'process', 'processes')})"
    )


def unseen(found: UnseenSummary) -> str:
    """`About 7.5% of the failures to come would be of a kind not seen yet (…)`."""
    part = share(found.share, 1, exact_one=found.share == 1)
    return (
        f"About {part} of the failures to come would be of a kind not seen yet "
        f"(Good-Turing; at least {expected(round(found.kinds))} kinds in all, Chao1)"
    )


def _findings(found: Dependence) -> Iterator[tuple[str, str]]:
    if (machine := found.machine) is not None:
        where = f"the machine of part {machine.part}" + (f" ({machine.machine})" if machine.machine else "")
        yield (
            f"Failures cluster on {f'node {machine.machine}' if machine.is_node else where}",
            f"{number(machine.failed)} of its {number(machine.trials)} tests failed, {number(machine.others_failed)} "
            f"of the other {number(machine.others_trials)} ({_p(found, Aspect.MACHINE)})",
        )
    if (process := found.process) is not None:
        yield (
            f"Failures cluster in process {process.process}",
            f"{number(process.failed)} of its {number(process.trials)} tests failed, {number(process.others_failed)} "
            f"of the other {number(process.others_trials)} ({_p(found, Aspect.PROCESS)})",
        )
    if (bursts := found.bursts) is not None:
        yield (
            "Failures come in bursts",
            f"after a failed test {percent(bursts.failed_after_failed, bursts.after_failed)} fail, after a passed one "
            f"{percent(bursts.failed_after_passed, bursts.after_passed)} ({_p(found, Aspect.RUNS, Aspect.NEIGHBOURS)})",
        )
    if (change := found.change) is not None:
        yield (
            "The rate changed during the run",
            f"{percent(change.failed_before, change.before)} of the first {number(change.before)} tests failed, "
            f"{percent(change.failed_after, change.after)} of the {number(change.after)} after "
            f"({_p(found, Aspect.DRIFT)})",
        )


def _p(found: Dependence, *tested: Aspect) -> str:
    return probability(min(test.adjusted for test in found.tests if test.tested in tested))


def _remedy(found: Dependence) -> str:
    if found.machine is not None:
        return "What is different on that machine comes first: its load, its image, its versions"
    if found.isolation is Isolation.FORK and found.process is not None:
        return (
            f"Each test is a fork of one of {number(found.process.processes)} processes: it is what a process fixes "
            f"once ({FIXED}), the time or the machine. --isolation fresh gives each test a process that is new"
        )
    if found.isolation is not Isolation.SHARED:
        return (
            "Each test has a process of its own already: it is something outside of it, such as the time, "
            "the machine, or what tests leave there"
        )
    try_fork = "Try --isolation fork, which gives each test a process of its own"
    if found.process is None:
        return f"{try_fork}; what remains then comes from outside, such as the time or the machine"
    processes = _MORE_PROCESSES * found.process.processes
    return f"{try_fork}, or --processes {processes}: more processes tell more, more tests do not"
