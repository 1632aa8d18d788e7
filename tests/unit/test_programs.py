"""Which programs ask a library for the time."""

import shutil
import struct
import sys
from pathlib import Path

from flakeproof.perturbations import clock


def _elf(interpreter: bool) -> bytes:
    """The head of a program with two segments, the second for the dynamic linker or not."""
    kinds = (1, 3 if interpreter else 4)
    header = b"\x7fELF\x02\x01".ljust(32, b"\0") + struct.pack("<Q", 64)
    header = header.ljust(54, b"\0") + struct.pack("<HH", 56, len(kinds))
    return header.ljust(64, b"\0") + b"".join(struct.pack("<I", kind).ljust(56, b"\0") for kind in kinds)


def test_kinds(tmp_path: Path) -> None:
    """Python by its name or its first line; what is linked statically; Go; all others."""
    shell = shutil.which("sh")
    assert shell is not None
    for content, expected in (
        (b"#!/usr/bin/env python3\n", clock.PYTHON),
        (b"#!/opt/venv/bin/python3.12 -I\n", clock.PYTHON),
        (b"#!/bin/sh\npython3\n", None),
        (_elf(interpreter=True), None),
        (_elf(interpreter=False), "linked statically"),
        (_elf(interpreter=True) + b"\xff Go build ID: ", "a Go program"),
        (b"", None),
    ):
        program = tmp_path / "program"
        program.write_bytes(content)
        assert clock.kind_of(program) == expected
    assert clock.kind_of(Path(sys.executable)) == clock.PYTHON
    assert clock.kind_of(Path(shell)) is None
    assert clock.kind_of(tmp_path / "nothing") is None
