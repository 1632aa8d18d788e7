"""What the sanitizers have seen, in words."""

from collections.abc import Iterator

from flakeproof.results.sanitizer_findings import SightingSummary
from flakeproof.results.summary import Summary
from flakeproof.text import number, percent, probability, shown_path

_SHOWN = 8


def told(summary: Summary) -> Iterator[str]:
    """Lines about all of it; none where nobody watched."""
    if summary.sanitizers is None:
        return
    names = " and ".join(summary.sanitizers)
    if not summary.sightings:
        yield f"The sanitizers ({names}) have seen nothing"
        return
    yield f"Seen by the sanitizers ({names}):"
    for sighting in summary.sightings[:_SHOWN]:
        yield from _sighting(sighting)
    if (more := len(summary.sightings) - _SHOWN) > 0:
        yield f"  and {number(more)} more: see the JSON report"


def headline(sighting: SightingSummary) -> str:
    """`57 × closed a descriptor that belongs to somebody else (socket)`."""
    return f"{number(sighting.times)} × {sighting.kind} ({sighting.what})"


def at(sighting: SightingSummary) -> str:
    """`leaky_server.py:135 in LeakyTCPServer._guard`; "" where it is not known."""
    place = sighting.place
    return f"{shown_path(place.file)}:{place.line} in {place.function}" if place is not None else ""


def company(sighting: SightingSummary) -> str:
    """`in 50 of 52 failures (96.15%), 12 of 1,948 passes (0.62%)`, with the p-value where that tells something."""
    parts = []
    for count, of, name in (
        (sighting.in_failures, sighting.failures, "failure"),
        (sighting.in_passes, sighting.passes, "pass"),
    ):
        if of:
            plural = name if of == 1 else f"{name}es" if name.endswith("s") else f"{name}s"
            parts.append(f"{number(count)} of {number(of)} {plural} ({percent(count, of)})")
    text = f"in {', '.join(parts)}" if parts else ""
    if sighting.p is None or not sighting.goes_with_failures:
        return text
    return f"{text}: goes with the failures ({probability(sighting.p)})"


def _sighting(sighting: SightingSummary) -> Iterator[str]:
    yield f"  {headline(sighting)}"
    if where := at(sighting):
        yield f"      at {where}"
    if text := company(sighting):
        yield f"      {text}"
    for example in sighting.examples[:1]:
        yield f"      e.g. {example.text}"
