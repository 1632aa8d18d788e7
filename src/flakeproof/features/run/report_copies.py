"""What was found out about failures with several tests at once, in words."""

from collections.abc import Iterator

from flakeproof.copies import Conclusion, Copies, Counts
from flakeproof.model import Answer
from flakeproof.reports.rates import rate_with_interval
from flakeproof.results.summary import Summary
from flakeproof.text import number, percent, rate

_NAMED = 3


def told(summary: Summary) -> Iterator[str]:
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
        yield figures(summary)


def figures(summary: Summary) -> str:
    """`One at a time 0 of 26 failed (at most …); 2 at once 21 of 52 in turns with them, and 14 of 20 before; …`."""
    found = summary.copies
    assert found is not None
    interval = ""
    if summary.alone is not None:
        interval = f", {rate_with_interval(found.alone.failed / found.alone.total, summary.alone)}"
    where = " beside as busy a machine" if found.was_busy else ""
    decided = summary.passed + summary.failed
    return (
        f"One at a time{where} {_counted(found.alone)} failed{interval}; {found.at_once} at once "
        f"{_counted(found.company)} in turns with them, and {number(summary.failed)} of {number(decided)} before "
        f"(Fisher's exact test, error {rate(found.error)})"
    )


def verdict(summary: Summary) -> str:
    """`Passes alone: copies of this test collide (port 8000, at …); not counted as flaky. Isolate with …`."""
    found = summary.copies
    assert found is not None
    thing = ", ".join(part for part in (found.what, f"at {found.place}" if found.place else "") if part)
    shown = f" ({thing})" if thing else ""
    if found.alone.failed:
        share = percent(found.alone.failed, found.alone.total)
        return (
            f"Alone it fails {_counted(found.alone)} times ({share}), beside copies of itself far more often: they "
            f"collide{shown}. {found.remedy}"
        )
    return f"Passes alone: copies of this test collide{shown}; not counted as flaky. {found.remedy}"


def closing(summary: Summary, answer: str) -> str:
    """The last line of a run whose copies collide; `answer` is that to its question, if it had one."""
    if summary.finding is None or not answer:
        return verdict(summary)
    gist = verdict(summary)
    if summary.finding.answer is Answer.BELOW:
        return f"{answer}. {gist}"
    return f"{answer}; {gist[0].lower()}{gist[1:]}"


def _counted(counts: Counts) -> str:
    return f"{number(counts.failed)} of {number(counts.total)}"


def _which(found: Copies, conclusion: Conclusion) -> str:
    """` (test_a, test_b and 2 more)`: the tests of which that was concluded, where there are several."""
    names = [item.item for item in found.items if item.conclusion is conclusion]
    if len(found.items) < 2 or not names:
        return ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f" ({', '.join(names[:_NAMED])}{more})"
