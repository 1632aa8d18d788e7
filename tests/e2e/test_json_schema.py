"""The schema of `--json` in docs/ is that of the code, and what comes out keeps to it."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from flakeproof.summary import SCHEMA_VERSION, json_schema

Flakeproof = Callable[..., subprocess.CompletedProcess[str]]

_PAGE = Path(__file__).parent.parent.parent / "docs" / "summary.schema.json"


def test_the_schema_in_the_docs_is_up_to_date() -> None:
    """`.venv/bin/python scripts/summary_schema.py` writes it; what changes for readers is a new version."""
    schema = json.loads(_PAGE.read_bytes())

    assert schema == json.loads(json_schema())
    assert schema["title"].endswith(f"schema_version {SCHEMA_VERSION}")
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("target", ["passes", "fails_at_17", "skips_half", "skips", "interrupts", "not_text"])
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
