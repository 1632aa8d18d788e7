"""Messages from worker processes to the dispatcher. They are private to the engine: all other code sees events."""

from typing import Any

import msgspec

from flakeproof.model import ItemOutcome, Outcome, SeenBySanitizer, Sight


class Ready(msgspec.Struct, tag_field="type", tag="ready"):
    """The target is loaded."""

    lanes: str
    """The module of `flakeproof_worker.lanes` that runs the trials."""
    python: str
    load_ns: int
    items: list[str] = []
    """The items that pytest has collected."""
    remarks: list[str] = []
    """Remarks for the user about how the target was loaded."""


class Unloadable(msgspec.Struct, tag_field="type", tag="unloadable"):
    """The target cannot be run."""

    kind: str
    message: str
    details: str


class Passed(msgspec.Struct, tag_field="type", tag="passed"):
    """A batch of trials that passed, and how many leases are used up."""

    count: int
    durations: list[tuple[int, int]]
    leases: int
    items: dict[str, ItemOutcome] = {}
    """Items that did not simply pass, the same in all trials of the batch."""
    trials: list[tuple[int, int]] = []
    """The trials, as blocks of consecutive numbers; empty if they follow from the order of the leases."""


class ItemFailure(msgspec.Struct):
    """A further failure in a pass over several items."""

    item: str
    phase: str
    failure: dict[str, Any]
    output: str


class PacketsSeen(msgspec.Struct):
    """The packets of a trial."""

    file: str = ""
    """Path of the capture; empty where there is none."""
    dropped: int = 0
    over_unread: int | None = None
    """Connections that the kernel has reset because they were closed with unread data; None if that is not known."""
    one_way: int | None = None
    """Nanoseconds that a packet takes through a network with faults, in the median; None where there is no such one."""
    crossed: int = 0
    """Packets of which that is known."""
    missing: str = ""
    """Why there are none."""


class FaultOfPacket(msgspec.Struct):
    """What the network did to one packet."""

    what: str
    """`lost`, `no room`, `reordered` or `reset`."""
    at: int
    """Nanoseconds since 1970."""
    protocol: str
    from_: str = msgspec.field(name="from")
    to: str = ""
    bytes: int = 0
    """Of data."""
    flags: int = 0
    """Of TCP."""


class NetworkDid(msgspec.Struct):
    """What the network did to the packets of a trial."""

    trial: int = 0
    began: int | None = None
    """When its first packet was taken (nanoseconds since 1970); None without one."""
    counts: dict[str, int] = {}
    """`packets`, and those of them that were `lost`, `reset`, `reordered` or found `no room`."""
    faults: list[FaultOfPacket] = []
    """The first of them."""
    by: int = 0
    """Packets that took another way, over IPv6."""
    unseen: int = 0
    """Packets for which the queue of the relay had no room."""
    missing: str = ""
    """Why nothing is known."""


class WrittenReport(msgspec.Struct):
    """A file that a command has written about its tests."""

    name: str
    data: bytes


class TrialEnded(msgspec.Struct, tag_field="type", tag="ended"):
    """One trial that did not pass, or that had an order of its own."""

    trial: int
    outcome: Outcome
    ns: int
    failure: dict[str, Any] | None = None
    output: str = ""
    longer: str = ""
    """More of a command's output, if `output` lacks its middle: it is searched for tests, but not kept."""
    stacks: str = ""
    reason: str = ""
    signal: int | None = None
    exit_code: int | None = None
    item: str = ""
    phase: str = ""
    """The phase of a pytest item: setup, call or teardown."""
    items: dict[str, ItemOutcome] = {}
    """Items that did not simply pass."""
    further: list[ItemFailure] = []
    cut_short: bool = False
    details: str = ""
    """More about a failure that has no frames."""
    found: dict[str, Any] | None = None
    """What a trial with an order has found out (`flakeproof_worker.pytest_driver.order`)."""
    sights: list[Sight] = []
    """What sanitizers have seen in the trial."""
    packets: "PacketsSeen | None" = None
    """Where they are watched."""
    network: "NetworkDid | None" = None
    """Where its packets had faults."""
    reports: list[WrittenReport] | None = None
    """Of a command: what it has written about its tests; None where that was not asked for."""


class SightingsReported(msgspec.Struct, tag_field="type", tag="sighted"):
    """What sanitizers have seen since the last report."""

    seen: list[SeenBySanitizer]


class SessionFixtures(msgspec.Struct, tag_field="type", tag="session"):
    """How much time a pass spends on session fixtures, which each fork sets up."""

    spent: dict[str, int]
    """Nanoseconds, by the names of the fixtures."""
    ns: int
    """Nanoseconds of the whole pass."""


class Relayed(msgspec.Struct, tag_field="type", tag="relayed"):
    """What became of the packets of all trials of the process that have ended, under the faults of a network."""

    counts: dict[str, int]


class Used(msgspec.Struct, tag_field="type", tag="used"):
    """What a trial has used outside its process."""

    trial: int
    ports: list[tuple[int, str, int]]
    """Fixed ports that it has bound, with file and line of the code."""
    files: list[tuple[str, str, int]]
    """Files that it has written outside its own temporary folder, with file and line of the code."""
    elsewhere: str
    """An address outside the machine's loopback that it has used; "" for none."""


class Bye(msgspec.Struct, tag_field="type", tag="bye"):
    """Every trial that the process took has been reported; it is about to exit."""


WorkerMessage = Ready | Unloadable | Passed | TrialEnded | SightingsReported | Relayed | SessionFixtures | Used | Bye

decode = msgspec.json.Decoder(WorkerMessage).decode
"""Decodes one line of bytes to a message. Raises msgspec.DecodeError."""
