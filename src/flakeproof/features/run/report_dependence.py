"""What makes a rate worth less than its number of tests, in words: tests that depend on each other, kinds not seen."""

from collections.abc import Iterator

from flakeproof.model import Isolation
from flakeproof.reports.rates import bounds
from flakeproof.results.dependence import Aspect, Dependence
from flakeproof.results.summary import Summary, UnseenSummary
from flakeproof.text import FIXED, expected, number, percent, plural, probability, share

_MORE_PROCESSES = 4
_REPETITIONS = 5


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
        yield f"{found.item} passed the first time {where}, and failed in {every} ({probability(found.p)}): {cause}"
    if (more := len(summary.repetition) - _REPETITIONS) > 0:
        yield f"So did {plural(more, 'more test')}"
    if summary.repetition:
        yield "With --isolation fork each pass has a process of its own"


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
        name = f" ({machine.machine})" if machine.machine else ""
        yield (
            f"Failures cluster on the machine of part {machine.part}{name}",
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
