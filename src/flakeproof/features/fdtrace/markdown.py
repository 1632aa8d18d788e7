"""A trace of descriptors as Markdown, for an issue or a pull request."""

from flakeproof.features.fdtrace import report
from flakeproof.features.fdtrace.findings import DescriptorTrace
from flakeproof.reports.markdown import code, findings
from flakeproof.text import duration


def render(found: DescriptorTrace) -> bytes:
    """The document."""
    remarks = [f"note: {remark}" for remark in found.remarks]
    return findings(
        f"the descriptors of {code(found.command)}",
        report.closing(found),
        [*report.results(found), *remarks],
        f"{duration(found.elapsed)} with strace",
    )
