"""A diagnosis as Markdown, for an issue or a pull request."""

import linecache
from collections.abc import Iterator

from flakeproof.features.diagnose import report as lines
from flakeproof.features.diagnose.records import Cause, Diagnosis
from flakeproof.reports.foreign import code
from flakeproof.reports.rates import bounds
from flakeproof.text import duration, number, probability, shown_path
from flakeproof.version import __version__


def render(found: Diagnosis) -> bytes:
    """The document."""
    return "\n".join([*_head(found), *_causes(found), *_experiments(found), *_foot(found), ""]).encode()


def _head(found: Diagnosis) -> Iterator[str]:
    yield (
        f"### flakeproof: why {code(found.target)} fails" if found.failure else f"### flakeproof: {code(found.target)}"
    )
    yield ""
    yield lines.closing(found)
    yield ""
    if found.failure:
        yield f"Failure: {code(found.failure)}"
        yield ""


def _causes(found: Diagnosis) -> Iterator[str]:
    for cause in found.causes:
        if cause.evidence:
            yield f"- **{cause.cause.value}** ({cause.status.value}): {code(cause.statement, 400)}{_place(cause)}"
            for said in cause.evidence:
                yield f"  - {code(said, 600)}"
            if cause.next:
                yield f"  - next: {code(cause.next, 600)}"
    yield ""


def _place(cause: Cause) -> str:
    place = cause.place
    if place is None:
        return ""
    source = linecache.getline(place.file, place.line).strip()
    return f", at {code(f'{shown_path(place.file)}:{place.line}')} {code(source)}".rstrip()


def _experiments(found: Diagnosis) -> Iterator[str]:
    yield "| experiment | failed | of | rate | against | by chance |"
    yield "|---|--:|--:|---|---|---|"
    for one in found.experiments:
        rate = "" if one.rate is None else bounds(one.rate, one.interval)
        least = min((p for p in (one.rises, one.falls) if p is not None), default=None)
        chance = "" if least is None else probability(least)
        yield f"| {one.setting} | {number(one.failed)} | {number(one.trials)} | {rate} | {one.against} | {chance} |"
    yield ""
    yield "Intervals are 95 %, exact; the probabilities are corrected for all comparisons made (Holm)."
    yield ""


def _foot(found: Diagnosis) -> Iterator[str]:
    yield f"<sub>Seed {found.seed}, {duration(found.elapsed)}; flakeproof {__version__}</sub>"
