"""Write the schemas of `--json` into docs/; for .venv/bin/python, after a change of a summary."""

from pathlib import Path

from flakeproof.amplifying import amplification
from flakeproof.comparison import summary as comparison
from flakeproof.diagnosing import model as diagnosing
from flakeproof.polluters import model as isolation
from flakeproof.summary import SCHEMA_VERSION, Summary

from flakeproof.fdtrace import findings
from flakeproof.reports.json import schema_of

_DOCS = Path(__file__).parent.parent / "docs"

if __name__ == "__main__":
    (_DOCS / "summary.schema.json").write_bytes(schema_of(Summary, "run", SCHEMA_VERSION))
    written = schema_of(comparison.ComparisonSummary, "comparison", comparison.SCHEMA_VERSION)
    (_DOCS / "comparison.schema.json").write_bytes(written)
    written = schema_of(diagnosing.Diagnosis, "diagnosis", diagnosing.SCHEMA_VERSION)
    (_DOCS / "diagnosis.schema.json").write_bytes(written)
    written = schema_of(amplification.Amplification, "amplification", amplification.SCHEMA_VERSION)
    (_DOCS / "amplification.schema.json").write_bytes(written)
    written = schema_of(findings.DescriptorTrace, "descriptor trace", findings.SCHEMA_VERSION)
    (_DOCS / "fdtrace.schema.json").write_bytes(written)
    written = schema_of(isolation.Isolation, "isolation", isolation.SCHEMA_VERSION)
    (_DOCS / "isolation.schema.json").write_bytes(written)
