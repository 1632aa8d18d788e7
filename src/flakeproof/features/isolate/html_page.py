"""An isolation as a page for a browser: who makes it fail, in which order, and what they leave behind."""

import re
from collections.abc import Iterator
from pathlib import Path

from flakeproof.features.isolate import report
from flakeproof.features.isolate.records import CulpritKind, CulpritSet, IsolationReport, Member, Rate
from flakeproof.model import Carrier
from flakeproof.reports.pages import charts
from flakeproof.reports.pages.page import findings_page
from flakeproof.reports.pages.parts import (
    PageChart,
    PageCommand,
    PageFold,
    PageSection,
    PageTable,
    PageWords,
    Part,
    code_around,
    listed,
)
from flakeproof.reports.rates import bounds, confidence
from flakeproof.text import duration, number, rate

_UNKNOWN = (CulpritKind.NOT_REPRODUCED, CulpritKind.NO_OUTCOME, CulpritKind.INTERRUPTED)
_SETS = 10
_PLACE = re.compile(r"(.+?):(\d+)(?: \(.*\))?")
_CHARTED = 12


def render(found: IsolationReport) -> bytes:
    """The page."""
    answer: list[Part] = [PageWords([found.message])] if found.message else []
    if found.command:
        answer.append(PageCommand("Reproduce:", found.command))
        answer += [PageWords([_confirmed(found.culprits[0])], is_quiet=True)] if found.culprits else []
    sets = found.culprits[:_SETS]
    return findings_page(
        verdict=found.kind.value,
        tone="warn" if found.kind in _UNKNOWN else "bad",
        closing=report.conclusion(found),
        target=found.victim,
        said="isolate",
        facts=_facts(found),
        sections=[
            PageSection("", answer),
            PageSection(_title(found), _orders(found, sets)),
            PageSection("With them and without", _rates(found, sets)),
            PageSection("What is left behind", _left(found, sets)),
            PageSection("What else was seen", _rest(found)),
        ],
        words="\n".join([*report.results(found, verbose=True), "", report.conclusion(found)]),
        foot=f"Seed {found.seed}",
    )


def _facts(found: IsolationReport) -> Iterator[tuple[str, str]]:
    if found.place:
        yield "victim", found.place
    yield "sets of culprits", number(len(found.culprits))
    if found.tried_alone:
        yield "others tried alone, without an effect", number(found.tried_alone)
    if found.left_untried:
        yield "others not tried, for want of time", number(found.left_untried)
    yield "tests", number(found.tests)
    yield "probes", number(found.probes)
    yield "error", f"at most {rate(found.error)}"
    yield "time", duration(found.elapsed)


def _confirmed(one: CulpritSet) -> str:
    said = {True: "Confirmed", False: "NOT confirmed", None: "Not run to an end"}[one.confirmed]
    return f"{said}: {one.confirmation}" if one.confirmation else said


def _helps(found: IsolationReport, one: CulpritSet) -> bool:
    """Whether the victim passes in their company, and fails without it."""
    return found.kind is CulpritKind.BRITTLE or (found.kind is CulpritKind.IMPORTS and not one.with_them.failed)


def _title(found: IsolationReport) -> str:
    helps = bool(found.culprits) and _helps(found, found.culprits[0])
    return "The order that passes" if helps else "The order that fails"


def _orders(found: IsolationReport, sets: list[CulpritSet]) -> list[Part]:
    """The tests in the order that shows it; the first set in full, the others folded."""
    parts: list[Part] = []
    for place, one in enumerate(sets, 1):
        order = PageWords(_order(found, one), is_list=True, is_ordered=True)
        command: list[Part] = [PageCommand("Shows it:", one.command)] if one.command else []
        if place == 1:
            parts.append(order)
        else:
            inner = [order, *command, PageWords([_confirmed(one)], is_quiet=True)]
            parts.append(PageFold(f"Set {place}", " with ".join(member.test for member in one.members), inner))
    if (more := len(found.culprits) - len(sets)) > 0:
        parts.append(PageWords([f"and {number(more)} more sets: see --json"], is_quiet=True))
    return parts


def _order(found: IsolationReport, one: CulpritSet) -> list[str]:
    before = [_member(member) for member in one.members if not member.comes_after]
    after = [_member(member) for member in one.members if member.comes_after]
    ends = "passes" if _helps(found, one) else f"fails: {found.message}" if found.message else "fails"
    where = f" ({found.place})" if found.place else ""
    return [*before, f"{found.victim}{where}, which {ends}", *after]


def _member(member: Member) -> str:
    where = f" ({member.place})" if member.place else ""
    imported = ", which is only imported" if member.is_imported else ""
    return f"{member.test}{where}{imported}{f', which fails itself: {member.message}' if member.fails else ''}"


def _rates(found: IsolationReport, sets: list[CulpritSet]) -> list[Part]:
    named: list[tuple[str, Rate | None, str]] = []
    for one in sets:
        tones = ("good", "bad") if _helps(found, one) else ("bad", "good")
        tests = " with ".join(member.test for member in one.members)
        named += [(f"with {tests}", one.with_them, tones[0]), ("alone, beside those", one.without, tones[1])]
    if not sets:
        named += [("alone", found.alone, "kind1"), (found.order or "in company", found.in_order, "kind1")]
        named.append(("other orders", found.in_other_orders, "kind1"))
    rows, table = [], []
    sure = "95% interval"
    for name, one_rate, tone in named:
        if one_rate is None or not one_rate.runs:
            continue
        sure = confidence(one_rate.interval)
        value = one_rate.failed / one_rate.runs
        said = bounds(value, one_rate.interval)
        row = {"name": f"{said}: {name}", "value": value, "low": one_rate.interval.low, "high": one_rate.interval.high}
        rows.append({**row, "tone": tone})
        table.append((name, number(one_rate.failed), number(one_rate.runs), said))
    if not rows:
        return []
    caption = f"How often the victim failed, with the {sure} of its rate."
    svg = charts.intervals(rows[:_CHARTED], what="failure rate of the victim")
    return [PageChart(svg, caption, ("where", "failed", "of", "rate"), table)]


def _left(found: IsolationReport, sets: list[CulpritSet]) -> list[Part]:
    """What was not as it had been, and the line that changed it."""
    seen: dict[tuple[str, ...], Carrier] = {}
    for one in sets:
        for carrier in one.carriers:
            seen.setdefault((carrier.kind, carrier.name, carrier.before, carrier.after), carrier)
    if not seen:
        return []
    helps = _helps(found, sets[0])
    rows = [
        (
            carrier.name,
            carrier.kind,
            carrier.before,
            carrier.after,
            carrier.changed_at or carrier.place,
            _decides(carrier, helps),
        )
        for carrier in seen.values()
    ]
    heads = ("what", "kind", "was", "is", "changed at", "when it is put back")
    parts: list[Part] = [PageTable("What is left behind", heads, rows)]
    shown: set[str] = set()
    for carrier in seen.values():
        where = carrier.changed_at or carrier.place
        if (place := _PLACE.fullmatch(where)) is not None and where not in shown and len(shown) < _SETS:
            shown.add(where)
            parts += code_around(str(Path(place[1]).absolute()), int(place[2]), f"changes {carrier.name}")
    return parts


def _decides(carrier: Carrier, helps: bool) -> str | tuple[str, str]:
    if carrier.decides is None:
        return "not tried"
    return (
        (f"the victim {'fails' if helps else 'passes'} again", "bad" if helps else "good")
        if carrier.decides
        else "nothing changes"
    )


def _rest(found: IsolationReport) -> list[Part]:
    lines = [
        *(f"Not proven: {test}: it had the same effect in the one run that there was" for test in found.unproven),
        *(f"Left out: {one.test}: {one.message}; what follows it has no outcome" for one in found.ended_the_process),
        *found.notes,
        *([f"Ended early: {found.stopped}"] if found.stopped is not None else []),
    ]
    return [listed(lines)] if lines else []
