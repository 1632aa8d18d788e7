"""What GitHub Actions shows beside the code: annotations at the lines that failed."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from flakeproof.features.run import report_findings
from flakeproof.features.run.report import run_name
from flakeproof.model import Failure
from flakeproof.reports.details import place
from flakeproof.reports.foreign import fit
from flakeproof.reports.rates import rate_with_interval
from flakeproof.results.summary import ItemSummary, SignatureSummary, Summary
from flakeproof.text import one_line, plural
from flakeproof_worker.shared.user_code import is_installed

_COMPANIONS = 5
_MOST = 10
"""GitHub shows no more errors of one step."""


def annotations(summary: Summary, environment: Mapping[str, str]) -> Iterator[str]:
    """Workflow commands, one for each distinct failure."""
    items: dict[str, Summary | ItemSummary] = {item.item: item for item in summary.items}
    if summary.copies is not None and summary.copies.decides:
        yield f"::notice title=copies collide::{_data(report_findings.copies_verdict(summary))}"
        return
    for found in summary.signatures[:_MOST]:
        example = found.example
        test = items.get(example.item, summary)
        rate = ""
        if test.rate is not None and test.interval is not None:
            rate = f"; failure rate {rate_with_interval(test.rate, test.interval)}"
        title = f"{example.item or summary.target} is {test.verdict.value}"
        message = (
            f"{one_line(fit(example.message))}\n"
            f"{_times(found)} of {test.passed + test.failed} times it failed like this{rate}{_companions(found)}\n"
            f"flakeproof replay {run_name(summary)} {example.trial}"
        )
        where = _place(example, environment)
        properties = {**where, "title": one_line(fit(title), 200)}
        shown = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
        yield f"::error {shown}::{_data(message)}"


def _times(found: SignatureSummary) -> int:
    """How often the test that is named failed like this; several tests may share a failure."""
    return found.items.get(found.example.item, found.count)


def _companions(found: SignatureSummary) -> str:
    others = [item for item in found.items if item != found.example.item]
    if not others:
        return ""
    named = ", ".join(one_line(fit(item), 200) for item in others[:_COMPANIONS])
    more = f" and {plural(len(others) - _COMPANIONS, 'more test')}" if len(others) > _COMPANIONS else ""
    return f"\nso did {named}{more}"


def _place(failure: Failure, environment: Mapping[str, str]) -> dict[str, str]:
    """File and line in the repository: of the innermost frame that is in it."""
    root = Path(environment.get("GITHUB_WORKSPACE") or Path.cwd()).resolve()
    frames = [(file, line) for file, line, _ in failure.details.get("exception", {}).get("frames", [])]
    if not frames and (told := place(failure)) is not None:
        frames = [told]
    for file, line in reversed(frames):
        path = Path(file).resolve()
        if path.is_relative_to(root) and path.is_file() and not is_installed(str(path)):
            return {"file": str(path.relative_to(root)), "line": str(line)}
    return {}


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
