"""A bisection as a page for a browser: the commit, how likely each one is, what was seen where, the confirmation."""

from collections.abc import Iterator

from flakeproof.features.onset import report
from flakeproof.features.onset.records import BisectAnswer, Bisection, Compared, Counted
from flakeproof.reports.pages import charts
from flakeproof.reports.pages.page import findings_page
from flakeproof.reports.pages.parts import PageChart, PageCommand, PageSection, PageTable, PageWords, Part, listed
from flakeproof.reports.rates import bounds, confidence
from flakeproof.results.summary import RateInterval, anytime_interval
from flakeproof.text import duration, number, plural, share

_SHORT = 12
_CONFIDENCE = 0.95
_FOUND = (BisectAnswer.FOUND, BisectAnswer.SET)
_TONES = {BisectAnswer.FOUND: "bad", BisectAnswer.SET: "bad"}
_DRAWN = (*_FOUND, BisectAnswer.OPEN)
"""Answers for which it matters how likely each commit is."""


def render(found: Bisection) -> bytes:
    """The page."""
    lines = [found.message, *found.notes, *([f"Ended early: {found.stopped}"] if found.stopped is not None else [])]
    answer: list[Part] = [PageWords([line for line in lines if line])] if any(lines) else []
    if found.command:
        answer.append(PageCommand("Show:" if found.answer in _FOUND else "Go on:", found.command))
    return findings_page(
        verdict=found.answer.value,
        tone=_TONES.get(found.answer, "warn"),
        closing=report.conclusion(found),
        target=found.target,
        said=f"bisect, run {found.run_id}",
        facts=_facts(found),
        sections=[
            PageSection("", answer),
            PageSection("How likely each commit is", _likely(found)),
            PageSection("Before and since", _sides(found)),
            PageSection("Commits that were tried", _tried(found)),
            PageSection("Commits that could not be tried", _skipped(found)),
        ],
        words="\n".join([*report.results(found), "", report.conclusion(found)]),
        foot=f"Bisection {found.run_id}, seed {found.seed}",
    )


def _facts(found: Bisection) -> Iterator[tuple[str, str]]:
    if len(found.culprits) == 1:
        yield "commit", found.culprits[0].commit[:_SHORT]
        yield "by", found.culprits[0].author
    if found.probability:
        yield "probability", share(found.probability)
    if found.confirmation is not None:
        yield (
            "in turns with its parent",
            {True: "confirmed", False: "not confirmed", None: "not decided"}[found.confirmed],
        )
    yield "commits", number(found.commits)
    yield "visits", f"{number(found.visits)}, {plural(len(found.skipped), 'commit')} skipped"
    yield "tests", number(found.trials)
    yield "time", duration(found.elapsed)


def _likely(found: Bisection) -> list[Part]:
    if found.answer not in _DRAWN or not any(found.posterior):
        return []
    parts = len(found.posterior)
    rows = [
        {
            "first": found.commits * part // parts + 1,
            "last": found.commits * (part + 1) // parts,
            "probability": probability,
        }
        for part, probability in enumerate(found.posterior)
    ]
    each = "commit" if parts == found.commits else "part of the history"
    chart = PageChart(
        charts.posterior(rows, commits=found.commits),
        f"The probability that each {each} holds the commit since which it "
        f"{'fails less often' if found.fixed else 'is flaky'}, given all that was run; oldest on the left.",
        ("commits", "probability"),
        [
            (number(row["first"]) if row["first"] == row["last"] else f"{row['first']} to {row['last']}", _share(row))
            for row in rows
            if row["probability"] >= 1e-6
        ],
    )
    named = [
        (one.commit[:_SHORT], one.title, one.author, share(one.probability, exact_one=one.probability == 1))
        for one in found.culprits
    ]
    more = f"and {plural(found.among - len(named), 'more commit')}" if found.among > len(named) else ""
    return [chart, PageTable("The likeliest commits", ("commit", "title", "author", "probability"), named, (3,), more)]


def _share(row: dict[str, float]) -> str:
    return share(row["probability"], exact_zero=row["probability"] == 0, exact_one=row["probability"] == 1)


def _sides(found: Bisection) -> list[Part]:
    """The rates before and since, and those of the commit and its parent in turns."""
    ends = found.answer not in _FOUND
    sides = [("good end" if ends else "before", found.before), ("bad end" if ends else "since", found.after)]
    if (compared := found.confirmation) is not None:
        sides += _in_turns(compared)
    rows, table = [], []
    sure = "95% interval"
    for place, (name, count) in enumerate(sides):
        trials = count.failed + count.passed
        if not trials or count.interval is None:
            continue
        sure = confidence(count.interval)
        rate = count.failed / trials
        said = bounds(rate, count.interval)
        row = {"name": f"{name}: {said}", "value": rate, "low": count.interval.low, "high": count.interval.high}
        rows.append({**row, "tone": "bad" if place % 2 != found.fixed else "good"})
        table.append((name, number(count.failed), number(trials), said))
    if not rows:
        return []
    caption = f"Failure rates with their {sure}s, which hold at every moment."
    if compared is not None:
        caption += " The commit and its parent ran in turns, so that both met the same machine."
    return [PageChart(charts.intervals(rows, what="failure rate"), caption, ("where", "failed", "of", "rate"), table)]


def _in_turns(compared: Compared) -> list[tuple[str, Counted]]:
    """The parent and the commit, as they ran in turns."""
    return [
        (f"{compared.parent[:_SHORT]}, the parent, in turns", _counted(compared.parent_failed, compared.parent_passed)),
        (f"{compared.culprit[:_SHORT]} in turns with it", _counted(compared.culprit_failed, compared.culprit_passed)),
    ]


def _counted(failed: int, passed: int) -> Counted:
    return Counted(failed=failed, passed=passed, interval=_interval(failed, failed + passed))


def _interval(failed: int, trials: int) -> RateInterval | None:
    return anytime_interval(failed, trials, _CONFIDENCE) if trials else None


def _tried(found: Bisection) -> list[Part]:
    rows, table = [], []
    for one in found.tried:
        trials = one.failed + one.passed
        if (interval := _interval(one.failed, trials)) is None:
            continue
        row = {"commit": one.number, "rate": one.failed / trials, "low": interval.low, "high": interval.high}
        rows.append({**row, "tone": "bad" if one.failed else "good"})
        where = "good end" if one.number == 0 else f"{number(one.number)} of {number(found.commits)}"
        table.append(
            (where, one.commit[:_SHORT], number(one.failed), number(trials), bounds(one.failed / trials, interval))
        )
    if not rows:
        return []
    caption = (
        "The failure rate at each commit that was tried, with its 95% interval: 0 is the good end, and a long bar is a "
        "commit at which few tests ran. What decides is all of them together."
    )
    heads = ("place", "commit", "failed", "of", "rate")
    return [PageChart(charts.rates_by_commit(rows, commits=found.commits), caption, heads, table)]


def _skipped(found: Bisection) -> list[Part]:
    return [listed(f"{one.commit[:_SHORT]}: {one.reason}" for one in found.skipped)] if found.skipped else []
