"""Messages from worker processes to the dispatcher. Private to the engine: everything else sees events."""

from typing import Any

import msgspec

from flakeproof.model import ItemOutcome, Outcome, SeenBySanitizer, Sight


class Ready(msgspec.Struct, tag_field="type", tag="ready"):
    """The target is loaded."""

    lanes: str
    """Module of `flakeproof_worker.lanes` that runs the trials."""
    python: str
    load_ns: int
    items: list[str] = []
    """What pytest has collected."""
    remarks: list[str] = []
    """Remarks for the user about how the target was loaded."""


class Unloadable(msgspec.Struct, tag_field="type", tag="unloadable"):
    """The target cannot be run."""

    kind: str
    message: str
    details: str


class Passed(msgspec.Struct, tag_field="type", tag="passed"):
    """A batch of trials that passed, and how many leases have been taken to their end."""

    count: int
    durations: list[tuple[int, int]]
    leases: int
    items: dict[str, ItemOutcome] = {}
    """Items that did not simply pass, the same in all of them."""
    trials: list[tuple[int, int]] = []
    """Which ones, as runs of consecutive numbers; none where they follow from the order in which they were given."""


class ItemFailure(msgspec.Struct):
    """One more thing that failed in a pass over several items."""

    item: str
    phase: str
    failure: dict[str, Any]
    output: str


class TrialEnded(msgspec.Struct, tag_field="type", tag="ended"):
    """One trial that did not pass, or one with an order of its own."""

    trial: int
    outcome: Outcome
    ns: int
    failure: dict[str, Any] | None = None
    output: str = ""
    longer: str = ""
    """More of what a command has written, where `output` lacks its middle: to look for tests in, not to keep."""
    stacks: str = ""
    reason: str = ""
    signal: int | None = None
    exit_code: int | None = None
    item: str = ""
    phase: str = ""
    """Of a pytest item: setup, call or teardown."""
    items: dict[str, ItemOutcome] = {}
    """Items that did not simply pass."""
    further: list[ItemFailure] = []
    cut_short: bool = False
    details: str = ""
    """More about a failure that has no frames."""
    found: dict[str, Any] | None = None
    """What a trial with an order of its own has found out beside (`flakeproof_worker.pytest_driver.order`)."""
    sights: list[Sight] = []
    """What sanitizers have seen in it."""


class SightingsReported(msgspec.Struct, tag_field="type", tag="sighted"):
    """What sanitizers have seen since the last time."""

    seen: list[SeenBySanitizer]


class SessionFixtures(msgspec.Struct, tag_field="type", tag="session"):
    """What a pass spends on fixtures of the session, which each fork sets up."""

    spent: dict[str, int]
    """Nanoseconds, by the names of the fixtures."""
    ns: int
    """Of the whole pass."""


class Used(msgspec.Struct, tag_field="type", tag="used"):
    """What a trial has reached for outside of its process."""

    trial: int
    ports: list[tuple[int, str, int]]
    """Ports that it has bound and chosen itself, with file and line."""
    files: list[tuple[str, str, int]]
    """Files that it has written, but in its own temporary folder, with file and line of the code."""
    elsewhere: str
    """An address that is not this machine's loopback; "" for none."""


class Bye(msgspec.Struct, tag_field="type", tag="bye"):
    """Every trial that was taken has been reported; the process is about to exit."""


WorkerMessage = Ready | Unloadable | Passed | TrialEnded | SightingsReported | SessionFixtures | Used | Bye

decode = msgspec.json.Decoder(WorkerMessage).decode
"""Bytes of one line to a message; raises msgspec.DecodeError."""
