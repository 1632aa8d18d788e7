"""What a trace has found, as data: the document of `--json`."""

from flakeproof.features.fdtrace.ownership import Certainty, Deed
from flakeproof.model import Record

SCHEMA_VERSION = 1


class StackFrame(Record, frozen=True, kw_only=True):
    """A place on the stack of a call."""

    function: str
    """"" where the program does not tell."""
    file: str | None
    line: int | None
    binary: str
    offset: int
    """Of the return address in the binary's file."""
    own: bool
    """Whether it is code of the user's, as far as names tell: not of a standard library or a runtime."""


class Site(Record, frozen=True, kw_only=True):
    """A system call and where it was made."""

    call: str
    thread: int
    record_line: int
    """Line of strace's record where it was entered."""
    error: str
    """`EBADF` and the like; "" if it succeeded."""
    function: str
    """The user's function that made it; the library's if there is none."""
    file: str | None
    line: int | None
    own: bool
    """Whether that function is the user's."""
    finaliser: bool
    """Whether a collector of garbage made the call."""
    stack: list[StackFrame]
    """Innermost first."""


class Victim(Record, frozen=True, kw_only=True):
    """Somebody else's descriptor that was closed."""

    what: str
    opened: Site | None
    """None if it was there when the program started."""
    noticed: list[Site]
    """The first calls of its owner that failed since."""


class Late(Record, frozen=True, kw_only=True):
    """What somebody did with the number although it was not theirs any more."""

    deed: Deed
    certainty: Certainty
    why: str
    site: Site
    victim: Victim | None


class DescriptorFinding(Record, frozen=True, kw_only=True):
    """A mishandled descriptor."""

    deed: Deed
    """The worst of `late`."""
    certainty: Certainty
    """Whether that is certain."""
    number: int
    what: str
    process: int
    program: str
    opened: Site | None
    """None if it was there when the program started."""
    closed: Site | None
    """The first close; None if it is not in the record."""
    wrapped: Site | None
    """Where a file object was made around the number (Go's os.NewFile); None if that was not seen."""
    late: list[Late]
    """In order; a `close past the owner` is the first close itself, seen by the owner's object."""
    count: int
    """How many descriptors were mishandled in the same places; this is the first of them."""


class DescriptorTrace(Record, frozen=True, kw_only=True):
    """A command that was run once, and what was found."""

    schema_version: int = SCHEMA_VERSION
    command: str
    exit_status: int | None
    """None if it was ended by a signal, or by us."""
    signal: str
    timed_out: bool
    stopped_by: int | None
    """Our own exit code, where a signal (SIGINT, SIGTERM) has ended the trace before its end."""
    complete: bool
    """Whether the record reaches to the end of the command."""
    elapsed: float
    """Seconds."""
    calls: int
    processes: int
    findings: list[DescriptorFinding]
    remarks: list[str]
    """What limits the findings."""
