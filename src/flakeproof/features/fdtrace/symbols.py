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

from flakeproof.features.fdtrace.frames import Frame

_PATIENCE = 60.0
"""Seconds for all frames of one program."""
_LOADED = 1
_LINE = re.compile(r"^(.+):(\d+)(?: \(discriminator \d+\))?$")
_NOT_OWN = re.compile(r"^/rustc/|^/usr/(?:local/|lib/)?go[^/]*/src/|/golang\.org/toolchain@[^/]*/src/")
"""Where the sources of standard libraries are that are compiled into programs."""
_MANGLED = re.compile(r"^_(?:Z|R)")


@dataclass(frozen=True, slots=True)
class FrameLocation:
    """Where a frame is in the source."""

    function: str
    """That of the source, also where the compiler has made it a part of another one; "" if only the frame tells."""
    file: str
    line: int
    own: bool
    """Whether it is the user's."""


def resolve(frames: Iterable[Frame]) -> dict[Frame, FrameLocation]:
    """The places of those frames whose programs tell. A program that cannot be read has none."""
    by_binary: dict[str, list[Frame]] = {}
    for frame in dict.fromkeys(frames):
        by_binary.setdefault(frame.binary, []).append(frame)
    found: dict[Frame, FrameLocation] = {}
    for binary, its in by_binary.items():
        for tool in _tools(binary, its):
            places: dict[Frame, FrameLocation] = {}
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
        yield [path, "--addresses", "--inlines", "--functions", "--demangle", "--exe", binary]


def _of_binary(tool: Sequence[str], binary: str, frames: Sequence[Frame]) -> dict[Frame, FrameLocation]:
    segments = _segments(Path(binary))
    known = {frame: address - 1 for frame in frames if (address := _address(segments, frame.offset)) is not None}
    # What is on a stack is where the call returns to; the line is that of the instruction before.
    done = subprocess.run(
        tool,
        input="".join(f"{address:#x}\n" for address in known.values()),
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        cwd="/",  # no module around, whose settings would count
        env={**os.environ, "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off"},
        check=False,
    )
    answers = _blocks(done.stdout.splitlines(), len(known))
    places = {frame: _place(frame, pairs) for frame, pairs in zip(known, answers, strict=False)}
    return {frame: place for frame, place in places.items() if place is not None}


def _blocks(lines: Sequence[str], count: int) -> list[list[tuple[str, str]]]:
    """For each of `count` addresses the pairs of function and place, functions made part of others first."""
    if lines and lines[0].startswith("0x"):
        starts = [place for place, line in enumerate(lines) if line.startswith("0x")]
        blocks = [lines[start + 1 : end] for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)]
    else:
        blocks = [lines[start : start + 2] for start in range(0, len(lines), 2)]
    if len(blocks) != count:
        return []
    return [list(zip(block[::2], block[1::2], strict=False)) for block in blocks]


def _place(frame: Frame, pairs: Sequence[tuple[str, str]]) -> FrameLocation | None:
    """The user's own of the `pairs`, else the first one; None if none tells a line."""
    found: list[FrameLocation] = []
    for function, text in pairs:
        told = _LINE.match(text)
        if told is None or told[1] == "??" or told[2] == "0":
            continue
        name = "" if function == "??" or (len(pairs) == 1 and not _MANGLED.match(frame.function)) else function
        own = Frame(frame.binary, name or frame.function, 0).is_own
        if own and _NOT_OWN.match(told[1]):  # a library's function within one of the user's: its line would mislead
            continue
        found.append(FrameLocation(name, told[1], int(told[2]), own))
    return next((place for place in found if place.own), found[0] if found else None)


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
