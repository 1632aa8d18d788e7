"""A run as JUnit XML in the dialect of Jenkins: one test case per test, never one per trial (docs/reports.md)."""

import re
from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from flakeproof.features.run import report, report_findings, report_items
from flakeproof.model import Failure, Outcome
from flakeproof.reports.details import explanation
from flakeproof.reports.foreign import cut, fit
from flakeproof.reports.rates import rate_with_interval
from flakeproof.results.summary import ItemSummary, LoadSummary, SignatureSummary, Summary
from flakeproof.results.verdict import Verdict
from flakeproof.text import one_line
from flakeproof.version import __version__

_LIMIT = 20_000
"""Characters of one traceback or output, at most."""
_FUNCTION = re.compile(r"([\w.]+):([\w.]+)")


def render(summary: Summary) -> bytes:
    """The document."""
    cases = list(_cases(summary))
    counts = {
        "tests": str(len(cases)),
        "failures": str(_having(cases, "failure")),
        "errors": str(_having(cases, "error")),
    }
    seconds = f"{summary.elapsed:.3f}"
    root = Element("testsuites", {"name": "flakeproof", **counts, "time": seconds})
    name = fit(summary.target)
    skipped = str(_having(cases, "skipped"))
    suite = SubElement(root, "testsuite", {"name": name, **counts, "skipped": skipped, "time": seconds})
    properties = SubElement(suite, "properties")
    for key, value in _properties(summary):
        SubElement(properties, "property", {"name": key, "value": fit(str(value))})
    suite.extend(cases)
    indent(root)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _having(cases: Sequence[Element], tag: str) -> int:
    return sum(case.find(tag) is not None for case in cases)


def _properties(summary: Summary) -> Iterator[tuple[str, object]]:
    yield "flakeproof.version", __version__
    yield "flakeproof.run", summary.run_id
    yield "flakeproof.seed", summary.seed
    yield "flakeproof.verdict", summary.verdict
    yield "flakeproof.exit-code", summary.exit_code
    if summary.stopped is not None:
        yield "flakeproof.stopped", summary.stopped
    if summary.planned is not None:
        yield "flakeproof.planned", summary.planned
    yield "flakeproof.trials", summary.total
    if summary.loads is not None:
        yield "flakeproof.loaded", summary.loads.loaded
        yield "flakeproof.not-loaded", summary.loads.failed
    for outcome, count in summary.outcomes.items():
        yield f"flakeproof.{outcome.replace(' ', '-')}", count
    if summary.rate is not None and summary.interval is not None:
        yield "flakeproof.rate", summary.rate
        yield "flakeproof.rate.low", summary.interval.low
        yield "flakeproof.rate.high", summary.interval.high
        yield "flakeproof.rate.confidence", summary.interval.confidence
        yield "flakeproof.rate.method", summary.interval.method
    if summary.anytime is not None and summary.anytime != summary.interval:
        yield "flakeproof.rate.anytime.low", summary.anytime.low
        yield "flakeproof.rate.anytime.high", summary.anytime.high
        yield "flakeproof.rate.anytime.method", summary.anytime.method
    if (found := summary.copies) is not None:
        yield "flakeproof.copies", found.conclusion
        yield "flakeproof.alone.failed", found.alone.failed
        yield "flakeproof.alone.trials", found.alone.total
        yield "flakeproof.company.failed", found.company.failed
        yield "flakeproof.company.trials", found.company.total
    if summary.dependence is not None and summary.dependence.dependent:
        yield "flakeproof.trials.effective", summary.dependence.effective


def _cases(summary: Summary) -> Iterator[Element]:
    if summary.loads is not None and summary.loads.failed:
        yield _loading(summary.target, summary.loads)
    again = f"flakeproof replay {report.run_name(summary)}"
    for item in summary.items:
        case = _case(*_of_item(item.item))
        if summary.copies is not None and summary.copies.acquits(item.item):
            _acquit(case, summary, item.item)
            yield case
            continue
        _tell(case, item, item.signatures, again, _why_nothing(summary, item.outcomes.get("skipped", 0)))
        yield case
    # Without items the target is the test; with them it stands for what belongs to none, so that nothing is hidden.
    nobodys = [found for found in summary.signatures if not found.example.item] if summary.items else []
    lost = summary.outcomes.get(Outcome.LOST, 0)
    if not summary.items:
        case = _case(*_of_target(summary.target))
        if summary.durations is not None:
            case.set("time", f"{summary.durations.median:.6f}")
        if summary.copies is not None and summary.copies.acquits(""):
            _acquit(case, summary, "")
        elif summary.verdict is Verdict.INCONCLUSIVE and lost:
            _lose(case, summary, lost)
        else:
            _tell(case, summary, summary.signatures, again, _why_nothing(summary, summary.outcomes.get("skipped", 0)))
        yield case
    elif nobodys:
        case = _case(*_of_target(summary.target))
        _fail(case, f"failed outside of any test: {nobodys[0].example.message}", nobodys, again)
        yield case
    elif lost and not summary.failed:
        case = _case(*_of_target(summary.target))
        _lose(case, summary, lost)
        yield case


def _loading(target: str, loads: LoadSummary) -> Element:
    """A case of its own: what failed belongs to no test."""
    case = _case(".".join(_of_target(target)), "(loading)")
    fact = f"{report_items.load_share(loads)} could not load the target"
    if loads.tolerated:
        SubElement(case, "system-out").text = f"{fact}, which is tolerated\n"
        return case
    first = loads.signatures[0].example
    attributes = {"message": fit(f"{fact}: {one_line(first.message)}"), "type": first.outcome.value}
    told: list[str] = []
    for kind in loads.signatures:
        told += [f"{kind.count} × {kind.example.message}", *explanation(kind.example), kind.example.output, ""]
    SubElement(case, "failure", attributes).text = cut(fit("\n".join(told)), _LIMIT)
    return case


def _case(classname: str, name: str) -> Element:
    return Element("testcase", {"classname": fit(classname), "name": fit(name)})


def _of_item(item: str) -> tuple[str, str]:
    """Class and name, as pytest tells them: `tests.test_x.TestA` and `test_b[1]`."""
    whole, bracket, parameters = item.partition("[")
    *path, name = whole.split("::")
    if not path:
        return "flakeproof", item
    file = path[0].removesuffix(".py").replace("/", ".")
    return ".".join([file, *path[1:]]), name + bracket + parameters


def _of_target(target: str) -> tuple[str, str]:
    found = _FUNCTION.fullmatch(target)
    return (found[1], found[2]) if found else ("flakeproof", target)


def _tell(
    case: Element, test: Summary | ItemSummary, found: Sequence[SignatureSummary], again: str, nothing: str
) -> None:
    """Say how `test` ended; `nothing` is why, in case that nothing is known of it."""
    decided = test.passed + test.failed
    if not decided or test.rate is None or test.interval is None:
        SubElement(case, "skipped", {"message": fit(nothing)})
        return
    fact = f"failed {test.failed} of {decided} times: {rate_with_interval(test.rate, test.interval)}"
    if not test.failed:
        SubElement(case, "system-out").text = f"{fact}\n"
        return
    message = f"{'flaky' if test.passed else 'broken'}, {fact}"
    if found:
        message += f": {one_line(found[0].example.message)}"
    _fail(case, message, found, again, is_flaky=test.verdict is Verdict.FLAKY)


def _fail(
    case: Element, message: str, found: Sequence[SignatureSummary], again: str, *, is_flaky: bool = False
) -> None:
    first = found[0].example if found else None
    kind = "flaky" if is_flaky else _kind(first) if first is not None else "failed"
    failure = SubElement(case, "failure", {"message": fit(message), "type": fit(kind)})
    failure.text = _stack(found[0], again) if found else None
    # A test that never passed has its further kinds of failure as reruns: nobody is to think that it is only flaky.
    tag, told = ("flakyFailure", found) if is_flaky else ("rerunFailure", found[1:])
    for kind_found in told:
        example = kind_found.example
        attributes = {"message": fit(one_line(example.message)), "type": fit(_kind(example))}
        entry = SubElement(case, tag, attributes)
        SubElement(entry, "stackTrace").text = _stack(kind_found, again)
        if example.output:
            SubElement(entry, "system-out").text = cut(fit(example.output), _LIMIT)
    if not is_flaky and first is not None and first.output:
        SubElement(case, "system-out").text = cut(fit(first.output), _LIMIT)


def _acquit(case: Element, summary: Summary, item: str) -> None:
    verdict, figures = report_findings.copies_verdict(summary, item), report_findings.copies_figures(summary, item)
    SubElement(case, "system-out").text = fit(f"{verdict}\n{figures}\n")


def _lose(case: Element, summary: Summary, lost: int) -> None:
    message = f"{lost} of {summary.total} tests have no result, through no fault of the test"
    SubElement(case, "error", {"message": message, "type": "lost"})


def _why_nothing(summary: Summary, skipped: int) -> str:
    if skipped:
        return f"skipped {skipped} time{'s' if skipped != 1 else ''}"
    return f"not run: {summary.stopped}" if summary.stopped else "not run"


def _kind(failure: Failure) -> str:
    kind = failure.details.get("exception", {}).get("type")
    return str(kind) if kind else failure.outcome.value


def _stack(found: SignatureSummary, again: str) -> str:
    example = found.example
    head = (
        f"{found.count} time{'s' if found.count != 1 else ''}, first on test {example.trial} (seed {example.seed})\n"
        f"again: {again} {example.trial}\n"
    )
    told = "\n".join(explanation(example)) or example.message
    return fit(head) + "\n" + cut(fit(told), _LIMIT) + "\n"
