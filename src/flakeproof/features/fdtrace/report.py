"""A trace of descriptors in the words in which people read it."""

from collections.abc import Iterator

from flakeproof.features.fdtrace.findings import DescriptorFinding, DescriptorTrace, Late, Site
from flakeproof.features.fdtrace.ownership import Deed
from flakeproof.reports.foreign import code, findings
from flakeproof.text import duration, number, one_line, plural, shown_path

_SHOWN = 20
_LABEL = 15
_EVERYWHERE = frozenset({"main", "main.main"})


def results(trace: DescriptorTrace) -> Iterator[str]:
    """All but the closing line."""
    yield "=== Descriptors ==="
    yield f"Command: {ending(trace)}, after {duration(trace.elapsed)}"
    yield f"Recorded: {plural(trace.calls, 'call')} in {number(trace.processes)} {_processes(trace.processes)}"
    for place, finding in enumerate(trace.findings[:_SHOWN], 1):
        yield ""
        yield from _finding(place, finding)
    if len(trace.findings) > _SHOWN:
        yield ""
        yield f"({number(len(trace.findings) - _SHOWN)} more are in the JSON document: --json FILE)"


def ending(trace: DescriptorTrace) -> str:
    """How the command has ended; that is no finding, and does not change the exit code."""
    if trace.timed_out:
        return "ended by us, its time was over"
    if trace.stopped_by is not None:
        return "ended by us, after a signal"
    if trace.signal:
        return f"killed by {trace.signal}"
    return f"exit status {trace.exit_status}" if trace.exit_status is not None else "its end is not in the record"


def closing(trace: DescriptorTrace) -> str:
    """The conclusion."""
    count = sum(finding.count for finding in trace.findings)
    if count:
        places = f" in {plural(len(trace.findings), 'place')}" if count > len(trace.findings) else ""
        return f"{plural(count, 'descriptor')} {'was' if count == 1 else 'were'} mishandled{places}"
    if not trace.complete:
        return "No descriptor was mishandled as far as the record goes, which is not to the end of the command"
    return "No descriptor was mishandled in this run"


def _processes(count: int) -> str:
    return "process" if count == 1 else "processes"


def _finding(place: int, finding: DescriptorFinding) -> Iterator[str]:
    sure = finding.certainty.value
    times = f", {number(finding.count)} times" if finding.count > 1 else ""
    what = f"descriptor {finding.number} ({one_line(finding.what)})"
    yield f"FINDING #{place}: {finding.deed.value} ({sure}{times}): {what}"
    program = f" ({finding.program})" if finding.program else ""
    yield _row("in", f"process {finding.process}{program}")
    yield from _site("opened", finding.opened, "was there when the program started")
    if finding.wrapped is not None:
        yield _row("wrapped", f"os.NewFile in {finding.wrapped.function}{_where(finding.wrapped)}")
    yield from _site("closed", finding.closed, "by something that is not in the record")
    for late in finding.late:
        yield from _late(late)


def _late(late: Late) -> Iterator[str]:
    if late.deed is Deed.PAST_OWNER:
        yield _row("past its owner", late.why)
    elif late.deed is Deed.USE:
        yield from _site("used after", late.site, "", f": {late.site.error}, it is closed")
    elif late.victim is None:
        yield from _site("closed again", late.site, "", f": {late.site.error}, nobody was hurt this time")
    else:
        yield from _site("closed again", late.site, "", f": it was somebody else's by then ({late.certainty.value})")
        yield _row("  hit", one_line(late.victim.what))
        yield from _site("  opened", late.victim.opened, "was there when the program started")
        for site in late.victim.noticed:
            yield from _site("  noticed", site, "", f": {site.error}")
        if late.why:
            yield _row("  why", late.why)


def _site(label: str, site: Site | None, otherwise: str, after: str = "") -> Iterator[str]:
    if site is None:
        yield _row(label, otherwise)
        return
    by = _caller(site) + (", by a finaliser" if site.finaliser else "")
    where = f" in {site.function or 'an unknown function'}{_where(site)}" if site.stack else f" by thread {site.thread}"
    yield _row(label, f"{site.call}{where}{by}{after}")


def _caller(site: Site) -> str:
    """The outermost function of the user's, as a test is, if that is not the one that is named."""
    own = [frame for frame in site.stack if frame.own and frame.function not in _EVERYWHERE]
    if not site.own or not own or own[-1].function == site.function or own[-1].function in site.function:
        return ""
    place = f" ({shown_path(own[-1].file)}:{own[-1].line})" if own[-1].file is not None else ""
    return f", called from {own[-1].function}{place}"


def _where(site: Site) -> str:
    if site.file is not None:
        return f" ({shown_path(site.file)}:{site.line})"
    binary = next((frame.binary for frame in site.stack if frame.function == site.function), "")
    return f" [{shown_path(binary)}]" if binary else ""


def _row(label: str, text: str) -> str:
    return f"    {label + ':':<{_LABEL}} {text}"


def as_markdown(found: DescriptorTrace) -> bytes:
    """The document."""
    remarks = [f"note: {remark}" for remark in found.remarks]
    return findings(
        f"the descriptors of {code(found.command)}",
        closing(found),
        [*results(found), *remarks],
        f"{duration(found.elapsed)} with strace",
    )
