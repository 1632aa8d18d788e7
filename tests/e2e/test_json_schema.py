"""The schema of `--json` in docs/ is that of the code, and what comes out keeps to it."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from tests.tools import mostly_long

from flakeproof.features.amplify import records
from flakeproof.features.ci import case as job
from flakeproof.features.ci import records as reproduction
from flakeproof.features.compare import summary as comparison
from flakeproof.features.diagnose import records as diagnosing
from flakeproof.features.fdtrace import findings
from flakeproof.features.isolate import records as isolation
from flakeproof.features.onset import records as bisection
from flakeproof.features.wire import records as wire
from flakeproof.model import Record
from flakeproof.reports.files import schema_of
from flakeproof.results.summary import SCHEMA_VERSION, Summary

Flakeproof = Callable[..., subprocess.CompletedProcess[str]]

_DOCS = Path(__file__).parent.parent.parent / "docs"
_PAGE = _DOCS / "summary.schema.json"
_OF_COMPARISONS = _DOCS / "comparison.schema.json"
_OF_DIAGNOSES = _DOCS / "diagnosis.schema.json"
_OF_AMPLIFICATIONS = _DOCS / "amplification.schema.json"
_OF_TRACES = _DOCS / "fdtrace.schema.json"
_OF_BISECTIONS = _DOCS / "bisection.schema.json"
_OF_ISOLATIONS = _DOCS / "isolation.schema.json"


@pytest.mark.parametrize(
    ("page", "kind", "what", "version"),
    [
        (_PAGE, Summary, "run", SCHEMA_VERSION),
        (_OF_COMPARISONS, comparison.ComparisonSummary, "comparison", comparison.SCHEMA_VERSION),
        (_OF_DIAGNOSES, diagnosing.Diagnosis, "diagnosis", diagnosing.SCHEMA_VERSION),
        (_OF_AMPLIFICATIONS, records.Amplification, "amplification", records.SCHEMA_VERSION),
        (_OF_TRACES, findings.DescriptorTrace, "descriptor trace", findings.SCHEMA_VERSION),
        (_DOCS / "wire.schema.json", wire.WireReport, "wire", wire.SCHEMA_VERSION),
        (_OF_BISECTIONS, bisection.Bisection, "bisection", bisection.SCHEMA_VERSION),
        (_OF_ISOLATIONS, isolation.IsolationReport, "isolation", isolation.SCHEMA_VERSION),
        (_DOCS / "ci-job.schema.json", job.Case, "CI job", job.SCHEMA_VERSION),
        (
            _DOCS / "ci.schema.json",
            reproduction.CiReproduction,
            "reproduction of a CI job",
            reproduction.SCHEMA_VERSION,
        ),
    ],
)
def test_the_schemas_in_the_docs_are_up_to_date(page: Path, kind: type[Record], what: str, version: int) -> None:
    """`.venv/bin/python scripts/summary_schema.py` writes them; what changes for readers is a new version."""
    schema = json.loads(page.read_bytes())

    assert schema == json.loads(schema_of(kind, what, version))
    assert schema["title"].endswith(f"schema_version {version}")
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.long
@pytest.mark.parametrize("fix", ["passes", "fails_at_17", "skips"])
def test_comparisons_keep_to_theirs(flakeproof: Flakeproof, fix: str) -> None:
    """Whatever the verdict."""
    arms = ("--arm", "a:targets:fails", "--arm", f"b:targets:{fix}", "-c", "60", "-w", "1", "--confirm", "50%")
    ended = flakeproof("compare", *arms, "--json", "-")

    jsonschema.validate(json.loads(ended.stdout), json.loads(_OF_COMPARISONS.read_bytes()))


@pytest.mark.long
@pytest.mark.parametrize("target", ["fails", "skips"])
def test_diagnoses_keep_to_theirs(flakeproof: Flakeproof, target: str) -> None:
    """With causes and without."""
    ended = flakeproof("diagnose", f"targets:{target}", "--budget", "2s", "--json", "-")

    jsonschema.validate(json.loads(ended.stdout), json.loads(_OF_DIAGNOSES.read_bytes()))


@mostly_long("target", ["passes", "fails_at_17", "skips_half", "skips", "interrupts", "not_text"], first=2)
def test_what_is_written_keeps_to_the_schema(flakeproof: Flakeproof, target: str) -> None:
    """However the run ends."""
    ended = flakeproof("run", f"targets:{target}", "-c", "20", "-w", "1", "--grace", "100ms", "--json", "-")

    jsonschema.validate(json.loads(ended.stdout), json.loads(_PAGE.read_bytes()))


def test_a_reader_may_meet_fields_that_are_new(flakeproof: Flakeproof) -> None:
    """They are no error; a missing one is."""
    document = json.loads(flakeproof("run", "targets:fails", "-c", "2", "--json", "-").stdout)
    schema = json.loads(_PAGE.read_bytes())

    jsonschema.validate({**document, "new": 1}, schema)
    document.pop("verdict")
    with pytest.raises(jsonschema.ValidationError, match="'verdict' is a required property"):
        jsonschema.validate(document, schema)
