"""The stacks of `strace -k`: frames, and which of them are the user's own code."""

import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

_FRAME = re.compile(r"^ > (.*?)\((.*)\) \[0x([0-9a-f]+)\]$")
_OTHER = re.compile(r"^ > (.*?)(?:\(\))? ?\[(?:0x)?([0-9a-f]*)\]$")
_OFFSET = re.compile(r"\+0x[0-9a-f]+$")
_LIBRARY = re.compile(
    r"(?:^|/)(?:ld-(?:linux|musl)[^/]*|lib(?:c|pthread|dl|rt|m|gcc_s|stdc\+\+|c\+\+)|ld)"
    r"[-.](?:[\d.]+\.)?so[\d.]*$|^\[|^$"
)
_GO_STANDARD = re.compile(
    r"^(?:archive|bufio|bytes|cmp|compress|container|context|crypto|database|debug|embed|encoding|errors|expvar|flag|fmt"
    r"|go|hash|html|image|index|internal|io|iter|log|maps|math|mime|net|os|path|plugin|reflect|regexp|runtime|slices|sort"
    r"|strconv|strings|structs|sync|syscall|testing|text|time|type|unicode|unique|unsafe|vendor|weak)"
    r"(?:/[\w./]+)?\.(?=[\w(])|^type:"
)
_CGO = re.compile(r"^(?:_?cgo|crosscall|x_cgo|_rt0_|gogo|runtime/cgo)")
_RUST_STANDARD = re.compile(
    r"^<?(?:&?(?:mut )?)?(?:std|core|alloc|test|hashbrown)::|^_ZN(?:3std|4core|5alloc|4test)"
    r"|^_ZN\d+_\$LT\$(?:std|core|alloc)|^__rust_|^rust_"
)
_START = frozenset(
    {"_start", "__libc_start_main", "__libc_start_call_main", "start_thread", "clone", "clone3", "__clone"}
)
_C_CALLS = frozenset(
    {
        *(
            "close",
            "open",
            "open64",
            "openat",
            "openat64",
            "creat",
            "read",
            "write",
            "pread",
            "pwrite",
            "readv",
            "writev",
        ),
        *(
            "socket",
            "socketpair",
            "accept",
            "accept4",
            "connect",
            "bind",
            "listen",
            "send",
            "sendto",
            "sendmsg",
            "recv",
        ),
        *("recvfrom", "recvmsg", "dup", "dup2", "dup3", "pipe", "pipe2", "fcntl", "fcntl64", "shutdown", "syscall"),
        *("fclose", "fopen", "fopen64", "fdopen", "fflush", "fwrite", "fread", "opendir", "closedir", "libc_fcntl64"),
        *("close_nocancel", "open_nocancel", "open64_nocancel", "read_nocancel", "write_nocancel", "libc_close"),
    }
)
"""Functions of a C library that is linked statically, without leading underscores."""
_CLOSURE = re.compile(
    r"(?:\.(?:func\d+|deferwrap\d+|gowrap\d+|\d+)(?:\.\d+)*)+(?:-range\d+)?$|-fm$|::\{\{closure\}\}|"
    r"::h[0-9a-f]{16}$|\[(?:clone )?[^\]]*\]$|\.(?:cold|part|constprop|isra|abi0)(?:\.\d+)*$"
)
_INTERPRETERS = {"_PyEval_EvalFrameDefault": "Python", "_PyEval_EvalFrame": "Python"}


@dataclass(frozen=True, slots=True)
class Frame:
    """A place on a stack."""

    binary: str
    """Path of the program or library."""
    function: str
    """"" where the binary does not tell."""
    offset: int
    """Of the return address in the file; of the instruction after the call."""

    @property
    def is_own(self) -> bool:
        """Whether it is the user's own code, as far as names tell."""
        name = self.function
        if not name or _LIBRARY.search(self.binary) or name in _START or name.lstrip("_") in _C_CALLS:
            return False
        return not (_GO_STANDARD.match(name) or _CGO.match(name) or _RUST_STANDARD.match(name))

    @property
    def owner(self) -> str:
        """The function without the marks of closures and copies: `TestShortWrite` of `TestShortWrite.deferwrap2`."""
        name, before = self.function, ""
        while name != before:
            name, before = _CLOSURE.sub("", name), name
        return name or self.function


@dataclass(frozen=True, eq=False)
class Stack:
    """The frames of a call, innermost first."""

    frames: tuple[Frame, ...] = field(default=())

    @cached_property
    def own(self) -> tuple[Frame, ...]:
        """The frames of the user's own code."""
        return () if self.interpreter else tuple(frame for frame in self.frames if frame.is_own)

    @cached_property
    def innermost(self) -> str:
        """The user's function that made the call, by way of libraries; "" if there is none."""
        return self.own[0].owner if self.own else ""

    @cached_property
    def owners(self) -> frozenset[str]:
        """All functions of the user's in it."""
        return frozenset(frame.owner for frame in self.own)

    @cached_property
    def interpreter(self) -> str:
        """`Python` where all that can be seen is that interpreter's own functions."""
        for frame in self.frames:
            if (name := _INTERPRETERS.get(frame.function)) is not None:
                return name
        return ""

    def has(self, *beginnings: str) -> bool:
        """Whether the name of a function in it begins with one of these."""
        return any(frame.function.startswith(beginnings) for frame in self.frames)


NO_STACK = Stack()


@lru_cache(maxsize=65536)
def parse_frame(line: str) -> Frame:
    """The frame in a line of strace's (` > binary(function+0x1f) [0x2a]`)."""
    if (found := _FRAME.match(line)) is not None:
        return Frame(found[1], _OFFSET.sub("", found[2]), int(found[3], 16))
    if (found := _OTHER.match(line)) is not None:
        return Frame(found[1], "", int(found[2] or "0", 16))
    return Frame(line[3:], "", 0)
