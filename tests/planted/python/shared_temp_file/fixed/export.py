"""Exports a table by way of a file, as the printer wants it."""

import tempfile
from pathlib import Path


def export(rows: list[str]) -> str:
    """What goes to the printer."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder, "export.tmp")
        scratch.write_text("\n".join(rows))
        return scratch.read_text()
