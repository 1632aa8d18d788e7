"""What makes a rate worth less than its number of tests, in words: tests that depend on each other, kinds not seen."""

from collections.abc import Iterator

from flakeproof.model import Isolation
from flakeproof.results.dependence import Aspect, Dependence
from flakeproof.results.summary import Summary, UnseenSummary
from flakeproof.text import expected, number, percent, probability, share

_MORE_PROCESSES = 4


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


def unseen(found: UnseenSummary) -> str:
    """`About 7.5% of the failures to come would be of a kind not seen yet (…)`."""
    part = share(found.share, 1, exact_one=found.share == 1)
    return (
        f"About {part} of the failures to come would be of a kind not seen yet "
        f"(Good-Turing; at least {expected(round(found.kinds))} kinds in all, Chao1)"
    )


def _findings(found: Dependence) -> Iterator[tuple[str, str]]:
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
    if found.isolation is not Isolation.SHARED:
        seed = " the hash seed of the process (PYTHONHASHSEED)," if found.isolation is Isolation.FORK else ""
        return (
            "Each test has a process of its own already: it is something outside of it, such as the time,"
            f"{seed} the machine, or what tests leave there"
        )
    try_fork = "Try --isolation fork, which gives each test a process of its own"
    if found.process is None:
        return f"{try_fork}; what remains then comes from outside, such as the time or the machine"
    processes = _MORE_PROCESSES * found.process.processes
    return f"{try_fork}, or --processes {processes}: more processes tell more, more tests do not"
