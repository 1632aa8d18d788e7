"""`--clock`: another time of day, or another speed of time; and whether a command can have it."""

import struct
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from flakeproof.model import CommandTarget, Target
from flakeproof.perturbations.perturbation import Hindrance, PerturbationKind, value_words
from flakeproof.text import parse_duration, shortened
from flakeproof_worker.perturb import faketime
from flakeproof_worker.shared import instants

PYTHON = "Python"
_HEAD = 8192
_INTERPRETER = 3  # PT_INTERP of elf(5): what a program has that is linked with libraries
_PYTHON_LINE = 200
_PATIENCE = 5
_SLEEPS = "import time, threading; time.sleep(0.001); threading.Event().wait(0.001)"


def kind_of(program: Path) -> str | None:
    """`PYTHON`, or the kind of a program that bypasses the C library; None for all other programs."""
    try:
        with program.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return None
    if program.name.startswith("python") or program.resolve().name.startswith("python"):
        return PYTHON
    if head.startswith(b"#!"):
        words = head[2:_PYTHON_LINE].split(b"\n")[0].split()
        return PYTHON if any(Path(word.decode(errors="replace")).name.startswith("python") for word in words) else None
    if not head.startswith(b"\x7fELF\x02\x01"):
        return None
    if b"Go build ID" in head:
        return "a Go program"
    return None if _is_linked(head) else "linked statically"


def _is_linked(head: bytes) -> bool:
    """Whether a 64-bit ELF program has an interpreter, that is, the dynamic linker (elf(5))."""
    (offset,) = struct.unpack_from("<Q", head, 32)
    size, count = struct.unpack_from("<HH", head, 54)
    starts = (offset + number * size for number in range(count))
    return any(start + 4 > len(head) or struct.unpack_from("<I", head, start)[0] == _INTERPRETER for start in starts)


@cache
def python_sleeps_under(library: str) -> bool:
    """Whether a Python program can sleep while this libfaketime shifts its clock: some versions break that."""
    for shift in ("+86400", "-86400"):
        environment = {"LD_PRELOAD": library, "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        words = [sys.executable, "-I", "-S", "-c", _SLEEPS]
        with subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL) as process:
            try:
                status = process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                status = process.wait()
            _remove_memory(process.pid)
        if status:
            return False
    return True


def _remove_memory(pid: int) -> None:
    """Remove the shared memory that the library has made for a process and left behind if that was killed."""
    for name in ("faketime_shm_", "sem.faketime_sem_"):
        with suppress(FileNotFoundError):
            Path("/dev/shm", f"{name}{pid}").unlink()


_SLOWEST, _FASTEST = 0.001, 1000.0
_FARTHEST = 100 * 366 * 86400.0


def parse_clock(given: Any) -> str:
    """The clock in the worker's form: `boundaries`, seconds with a sign, an instant, or `x4`. Raises ValueError."""
    text = str(given).strip()
    if text == instants.BOUNDARIES:
        return text
    if text.startswith(instants.SPEED):
        return _speed(text)
    if text[:1] in ("+", "-"):
        seconds = parse_duration(text[1:])
        if seconds > _FARTHEST:
            raise ValueError(f"{text!r} is more than a hundred years")
        return f"{text[0]}{seconds:.9g}"
    try:
        instants.parsed(text)
    except ValueError as error:
        raise ValueError(
            f"{shortened(text)!r} is no time; write it like {instants.BOUNDARIES}, +3d, -90m, x4 or "
            f"2024-02-29T23:59:59.9 ({error})"
        ) from None
    return text


def _speed(text: str) -> str:
    try:
        rate = float(text.removeprefix(instants.SPEED))
    except ValueError:
        raise ValueError(f"{shortened(text)!r} is no speed; write it like x4 or x0.25") from None
    if not _SLOWEST <= rate <= _FASTEST:
        raise ValueError(f"{shortened(text)!r}: a clock can be x{_SLOWEST:g} to x{_FASTEST:g}")
    return f"{instants.SPEED}{rate:g}"


def _hindrance(clock: str, target: Target) -> Hindrance | None:
    """For a command, the clock needs a library, through which not every program reads the time."""
    if not isinstance(target, CommandTarget):
        return None
    if faketime.library() is None:
        return Hindrance("the clock of a command needs libfaketime, which is not installed", "apt-get install faketime")
    kind = kind_of(Path(target.program))
    if kind is None or (kind == PYTHON and python_sleeps_under(faketime.library())):
        return None
    if kind == PYTHON:
        return Hindrance(
            f"{target.program} is a Python program, whose time.sleep fails with the installed libfaketime",
            "run its function (MODULE:FUNCTION) or its tests, for which no library is needed",
        )
    return Hindrance(
        f"{target.program} is {kind}, which reads the time from the kernel, not through a library",
        "run it without --clock",
    )


CLOCK = PerturbationKind("clock", "clock", parse_clock, value_words("clock"), hindrance=_hindrance)
