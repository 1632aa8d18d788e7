"""What kind of program a command is, as far as that decides whether a library can change what it sees."""

import struct
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

PYTHON = "Python"
_HEAD = 8192
_INTERPRETER = 3  # PT_INTERP of elf(5): what a program has that is linked with libraries
_PYTHON_LINE = 200
_PATIENCE = 5
_SLEEPS = "import time, threading; time.sleep(0.001); threading.Event().wait(0.001)"


def kind_of(program: Path) -> str | None:
    """`PYTHON`, or what a program is that asks the kernel without a library; None for all others."""
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
    """Whether an ELF program of 64 bits has an interpreter, the dynamic linker (elf(5))."""
    (offset,) = struct.unpack_from("<Q", head, 32)
    size, count = struct.unpack_from("<HH", head, 54)
    starts = (offset + number * size for number in range(count))
    return any(start + 4 > len(head) or struct.unpack_from("<I", head, start)[0] == _INTERPRETER for start in starts)


@cache
def python_sleeps_under(library: str) -> bool:
    """Whether a Python program can sleep while `library`, a libfaketime, shifts its clock: not with all versions."""
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
    """What the library has made for a process, and leaves behind if that was killed."""
    for name in ("faketime_shm_", "sem.faketime_sem_"):
        with suppress(FileNotFoundError):
            Path("/dev/shm", f"{name}{pid}").unlink()
