"""The descriptors of a command, as a page for a browser."""

from collections.abc import Iterator

from flakeproof.features.fdtrace import report
from flakeproof.features.fdtrace.findings import DescriptorFinding, DescriptorTrace, Late, Site
from flakeproof.reports.pages.page import findings_page
from flakeproof.reports.pages.parts import PageFold, PageSection, PageTable, PageWords, Part, code_around, listed
from flakeproof.text import duration, number, plural, shown_path

_OPEN = 2
"""Findings that are open when the page is."""
_SHOWN = 20


def render(found: DescriptorTrace) -> bytes:
    """The page."""
    is_good = not found.findings and found.complete
    findings: list[Part] = [
        _finding(place, one, is_open=place <= _OPEN) for place, one in enumerate(found.findings[:_SHOWN], 1)
    ]
    if (left := len(found.findings) - _SHOWN) > 0:
        findings.append(PageWords([f"{plural(left, 'more finding')}: see --json"], is_quiet=True))
    return findings_page(
        verdict="mishandled" if found.findings else "not mishandled" if found.complete else "incomplete",
        tone="bad" if found.findings else "good" if is_good else "warn",
        closing=report.closing(found),
        target=found.command,
        said="fdtrace",
        facts=_facts(found),
        sections=[
            PageSection("Findings", findings),
            PageSection("What limits them", [listed(found.remarks)] if found.remarks else []),
        ],
        words="\n".join([*report.results(found), "", report.closing(found)]),
        foot="Recorded with strace",
    )


def _facts(found: DescriptorTrace) -> Iterator[tuple[str, str]]:
    yield "command", report.ending(found)
    yield "calls", number(found.calls)
    yield "processes", number(found.processes)
    yield "time", duration(found.elapsed)


def _finding(place: int, one: DescriptorFinding, *, is_open: bool) -> PageFold:
    rows = [("opened", *_row(one.opened, "was there when the program started"))]
    if one.wrapped is not None:
        rows.append(("wrapped (os.NewFile)", *_row(one.wrapped, "")))
    rows.append(("closed", *_row(one.closed, "by something that is not in the record")))
    for late in one.late:
        rows += _late_rows(late)
    parts: list[Part] = [PageTable("What became of it", ("what", "call", "function", "where", "said"), rows)]
    shown: set[str] = set()
    for site, said in (
        (one.opened, "opens it"),
        (one.closed, "closes it"),
        *((late.site, "uses it") for late in one.late),
    ):
        where = _place(site)
        if site is not None and site.file is not None and site.line is not None and where not in shown:
            shown.add(where)
            parts += code_around(site.file, site.line, said)
    times = f", {number(one.count)} times" if one.count > 1 else ""
    said = (
        f"{one.deed.value} ({one.certainty.value}{times}): descriptor {one.number} ({one.what}), process {one.process}"
    )
    return PageFold(f"#{place}", said, parts, is_open)


def _late_rows(late: Late) -> Iterator[tuple[str, str, str, str, str]]:
    yield late.deed.value, *_row(late.site, "")
    if late.victim is None:
        return
    yield "  hit", "", "", "", late.victim.what
    yield "  which was opened", *_row(late.victim.opened, "was there when the program started")
    for site in late.victim.noticed:
        yield "  and whose owner noticed", *_row(site, "")


def _row(site: Site | None, otherwise: str) -> tuple[str, str, str, str]:
    if site is None:
        return "", "", "", otherwise
    by = "by a finaliser" if site.finaliser else ""
    return site.call, site.function, _place(site), ", ".join(part for part in (site.error, by) if part)


def _place(site: Site | None) -> str:
    return f"{shown_path(site.file)}:{site.line}" if site is not None and site.file is not None else ""
