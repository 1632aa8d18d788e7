"""The JSON of `--json`, and its schema."""

from typing import Any

import msgspec

from flakeproof.model import Record
from flakeproof.store.odd_bytes import as_document


def to_json(summary: Record) -> bytes:
    """One JSON document, indented, with `schema_version`."""
    return msgspec.json.format(as_document(summary)) + b"\n"


def schema_of(kind: type[Record], what: str, version: int) -> bytes:
    """JSON Schema of what `to_json` makes of the summary of a `what`.

    Who keeps to it will also read fields that are added later.
    """
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Summary of a {what} of flakeproof, schema_version {version}",
        **_open(msgspec.json.schema(kind)),
    }
    return msgspec.json.format(msgspec.json.encode(schema)) + b"\n"


def _open(schema: Any) -> Any:
    """`schema` without the ban on fields that it does not name."""
    if isinstance(schema, dict):
        return {key: _open(value) for key, value in schema.items() if (key, value) != ("additionalProperties", False)}
    return [_open(value) for value in schema] if isinstance(schema, list) else schema
