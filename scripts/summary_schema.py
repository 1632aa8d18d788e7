"""Write the schemas of `--json` into docs/; for .venv/bin/python, after a change of a summary."""

from pathlib import Path

from flakeproof.features.amplify import records
from flakeproof.features.ci import case as job
from flakeproof.features.ci import records as reproduction
from flakeproof.features.compare import summary as comparison
from flakeproof.features.diagnose import records as diagnosing
from flakeproof.features.fdtrace import findings
from flakeproof.features.history import records as over_weeks
from flakeproof.features.isolate import records as isolation
from flakeproof.features.onset import records as bisection
from flakeproof.features.wire import records as wire
from flakeproof.reports.files import schema_of
from flakeproof.results.summary import SCHEMA_VERSION, Summary

_DOCS = Path(__file__).parent.parent / "docs"

if __name__ == "__main__":
    (_DOCS / "summary.schema.json").write_bytes(schema_of(Summary, "run", SCHEMA_VERSION))
    written = schema_of(comparison.ComparisonSummary, "comparison", comparison.SCHEMA_VERSION)
    (_DOCS / "comparison.schema.json").write_bytes(written)
    written = schema_of(diagnosing.Diagnosis, "diagnosis", diagnosing.SCHEMA_VERSION)
    (_DOCS / "diagnosis.schema.json").write_bytes(written)
    written = schema_of(records.Amplification, "amplification", records.SCHEMA_VERSION)
    (_DOCS / "amplification.schema.json").write_bytes(written)
    written = schema_of(findings.DescriptorTrace, "descriptor trace", findings.SCHEMA_VERSION)
    (_DOCS / "fdtrace.schema.json").write_bytes(written)
    (_DOCS / "wire.schema.json").write_bytes(schema_of(wire.WireReport, "wire", wire.SCHEMA_VERSION))
    written = schema_of(bisection.Bisection, "bisection", bisection.SCHEMA_VERSION)
    (_DOCS / "bisection.schema.json").write_bytes(written)
    written = schema_of(isolation.IsolationReport, "isolation", isolation.SCHEMA_VERSION)
    (_DOCS / "isolation.schema.json").write_bytes(written)
    (_DOCS / "ci-job.schema.json").write_bytes(schema_of(job.Case, "CI job", job.SCHEMA_VERSION))
    written = schema_of(reproduction.CiReproduction, "reproduction of a CI job", reproduction.SCHEMA_VERSION)
    (_DOCS / "ci.schema.json").write_bytes(written)
    (_DOCS / "history.schema.json").write_bytes(
        schema_of(over_weeks.HistoryReport, "history", over_weeks.SCHEMA_VERSION)
    )
