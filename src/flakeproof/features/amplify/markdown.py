"""An amplification as Markdown, for an issue or a pull request."""

from flakeproof.features.amplify import report
from flakeproof.features.amplify.amplification import Amplification
from flakeproof.reports.markdown import code, findings
from flakeproof.text import duration


def render(found: Amplification) -> bytes:
    """The document."""
    return findings(
        f"what makes {code(found.target)} fail",
        report.closing(found),
        [line for line in report.results(found) if line != f"Reproduce: {found.command}"],
        f"Seed {found.seed}, {duration(found.elapsed)}",
        found.command,
    )
