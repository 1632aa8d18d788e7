"""What is in a folder, listed at import, under names that are drawn."""

import secrets
import tempfile
from pathlib import Path

FOUND = {}
with tempfile.TemporaryDirectory() as folder:
    for number in range(4):
        Path(folder, secrets.token_hex(4)).write_text(str(number))
    for path in sorted(Path(folder).iterdir()):
        FOUND[path.name] = path.read_text()


def test_first():
    """It may be each of the four."""
    assert next(iter(FOUND.values())) != "0"
