"""An isolation as Markdown, for an issue or a pull request."""

from flakeproof.features.isolate import report
from flakeproof.features.isolate.records import Isolation
from flakeproof.reports.foreign import code, findings
from flakeproof.text import duration, plural


def render(found: Isolation) -> bytes:
    """The document."""
    return findings(
        f"what {code(found.victim)} depends on",
        report.conclusion(found),
        report.results(found),
        f"{plural(found.tests, 'test')}, {plural(found.probes, 'probe')}, {duration(found.elapsed)}, seed {found.seed}",
        found.command,
    )
