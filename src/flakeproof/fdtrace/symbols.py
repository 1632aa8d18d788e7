"""File and line of the frames on stacks, as the debugging information of their programs tells."""

import os
import re
import shutil
import struct
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flakeproof.fdtrace.frames import Frame

_PATIENCE = 60.0
"""Seconds for all frames of one program."""
_LOADED = 1
_LINE = re.compile(r"^(.+):(\d+)(?: \(discriminator \d+\))?$")
_MANGLED = re.compile(r"^_(?:Z|R)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a frame is in the source."""

    function: str
    """As it is written in the source; "" if that is not known."""
    file: str
    line: int


def resolve(frames: Iterable[Frame]) -> dict[Frame, Place]:
    """The places of those frames whose programs tell. A program that cannot be read has none."""
    by_binary: dict[str, list[Frame]] = {}
    for frame in dict.fromkeys(frames):
        by_binary.setdefault(frame.binary, []).append(frame)
    found: dict[Frame, Place] = {}
    for binary, its in by_binary.items():
        for tool in _tools(binary, its):
            places: dict[Frame, Place] = {}
            with suppress(OSError, subprocess.SubprocessError, struct.error, ValueError):
                places = _of_binary(tool, binary, its)
            if places:
                found.update(places)
                break
    return found


def _tools(binary: str, frames: Sequence[Frame]) -> Iterator[list[str]]:
    """Command lines that turn addresses into places, the best one first."""
    if not Path(binary).is_file():
        return
    is_go = any(frame.function.startswith(("runtime.", "testing.", "main.", "syscall.")) for frame in frames)
    # The addr2line of binutils does not know all that Go's compiler writes.
    if (is_go or Path(binary).suffix == ".test") and (path := shutil.which("go")) is not None:
        yield [path, "tool", "addr2line", binary]
    if (path := shutil.which("addr2line")) is not None:
        yield [path, "--functions", "--demangle", "--exe", binary]


def _of_binary(tool: Sequence[str], binary: str, frames: Sequence[Frame]) -> dict[Frame, Place]:
    segments = _segments(Path(binary))
    known = [(frame, address) for frame in frames if (address := _address(segments, frame.offset)) is not None]
    # What is on a stack is where the call returns to; the line is that of the instruction before.
    asked = "".join(f"{address - 1:#x}\n" for _, address in known)
    done = subprocess.run(
        tool,
        input=asked,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        cwd="/",  # no module around, whose settings would count
        env={**os.environ, "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off"},
        check=False,
    )
    answers = done.stdout.splitlines()
    found: dict[Frame, Place] = {}
    if len(answers) != 2 * len(known):
        return found
    for (frame, _), function, place in zip(known, answers[::2], answers[1::2], strict=True):
        told = _LINE.match(place)
        if told is not None and told[1] != "??" and told[2] != "0":
            demangled = function if _MANGLED.match(frame.function) and function != "??" else ""
            found[frame] = Place(demangled, told[1], int(told[2]))
    return found


def _segments(path: Path) -> list[tuple[int, int, int]]:
    """Offset in the file, size, and address of what is loaded of a 64-bit ELF file (elf(5)); none for others."""
    with path.open("rb") as file:
        header = file.read(64)
        if header[:5] != b"\x7fELF\x02" or header[5] != 1:
            return []
        (start,) = struct.unpack_from("<Q", header, 32)
        size, count = struct.unpack_from("<HH", header, 54)
        file.seek(start)
        table = file.read(size * count)
    found = []
    for place in range(0, len(table), size):
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", table, place)
        if kind == _LOADED:
            found.append((offset, length, address))
    return found


def _address(segments: Sequence[tuple[int, int, int]], offset: int) -> int | None:
    return next((address + offset - start for start, size, address in segments if start <= offset < start + size), None)
