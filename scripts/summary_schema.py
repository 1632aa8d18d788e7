"""Write docs/summary.schema.json, the schema of `--json`; for .venv/bin/python, after a change of the summary."""

from pathlib import Path

from flakeproof.summary import json_schema

if __name__ == "__main__":
    (Path(__file__).parent.parent / "docs" / "summary.schema.json").write_bytes(json_schema())
