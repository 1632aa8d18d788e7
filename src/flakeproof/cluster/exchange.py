"""What the coordinator and a node tell each other, and what a cluster engine has to do for both.

A node runs a dispatcher of its own (`node_run`). The coordinator gives it trials to run, and it answers with the events
of its dispatcher. Each of these conversations goes in turns: the coordinator says something, the node replies once it
has something to tell or has waited for a moment. So the coordinator never holds more than one reply of each node.
"""

from typing import Protocol

import msgspec

from flakeproof.engine.leases import Block
from flakeproof.errors import Stop
from flakeproof.events import AnyEvent
from flakeproof.model import RunSpec


class _Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what is said."""


class NodeOrder(_Said, frozen=True, kw_only=True):
    """What a node has to know to begin."""

    spec: RunSpec
    """The run. Which trials of it the node runs it is told later."""
    run_id: str
    version: str
    """The coordinator's version of flakeproof; the node must have the same."""
    project: str
    """The folder of the project on the coordinator's machine; its content is in the node's working directory."""
    python: str
    """The interpreter that runs flakeproof on the coordinator's machine."""
    flakeproof: str
    """The folder of the package `flakeproof` on the coordinator's machine."""
    cpus: int
    """How many processors the cluster engine has given to the node's part of the run."""
    watches_copies: bool
    """Whether tests that run at once are kept from colliding."""


class Instructions(_Said, frozen=True, kw_only=True):
    """What the coordinator says to a node."""

    patience: float
    """Seconds after which the node replies even if it has nothing to tell."""
    trials: list[Block] = []
    """Trials that the node runs as well."""
    is_over: bool = False
    """Whether no more trials will come."""
    stops: list[Stop] = []
    """Reasons to end early; with a second one, trials in flight are not waited for."""
    further_processes: int = 0
    """How many more processes the run's question needs of this node."""


class Problem(_Said, frozen=True, kw_only=True):
    """Why a node cannot run the trials."""

    message: str
    remedy: str = ""
    details: str = ""
    is_usage: bool = False
    """Whether what the user asked for is at fault."""


class Reply(_Said, frozen=True, kw_only=True):
    """What a node tells."""

    events: list[AnyEvent] = []
    """Events of its dispatcher since the last reply, in order. Numbers of failures are those of the node."""
    settled: list[int] = []
    """Of all events that the node has told, numbered from 0: those after which nothing is missing of a process."""
    in_flight: list[int] = []
    """Trials that were running a moment ago."""
    unreported: int = 0
    """Trials that have ended whose outcome is in no event yet."""
    wants: int = 0
    """How many trials it can use beyond those that it has."""
    is_over: bool = False
    """Whether it has ended everything; it says nothing more."""
    stopped: Stop | None = None
    """Why it has ended early."""
    dropped: int = 0
    """Trials that had started when it ended early, and have no outcome."""
    problem: Problem | None = None


encode = msgspec.json.Encoder().encode
decode_reply = msgspec.json.Decoder(Reply).decode
decode_order = msgspec.json.Decoder(NodeOrder).decode
decode_instructions = msgspec.json.Decoder(Instructions).decode


class FoundNode(_Said, frozen=True, kw_only=True):
    """A node of the cluster that can run trials."""

    key: str
    """Tells it from all others; for the cluster engine."""
    name: str
    """For people."""
    cpus: int
    """How many processors the cluster engine may give away there."""


class Gone(_Said, frozen=True, kw_only=True):
    """A node does not answer any more, and never will."""

    reason: str
    remedy: str = ""


class Links(Protocol):
    """The connections to nodes that a cluster engine provides; all but `close` may raise CannotRunError."""

    def new_nodes(self) -> list[FoundNode]:
        """Nodes that have come since the last call; cheap enough to be called a few times a second."""

    def begin(self, node: FoundNode, number: int, order: bytes, cpus: int) -> None:
        """Start a `node_run.NodeRun` there with `cpus` processors; its first reply will come with `wait`.

        From now on the node goes by its `number`.
        """

    def say(self, number: int, instructions: bytes) -> None:
        """Send instructions to a node whose last reply has come; its next reply will come with `wait`."""

    def wait(self, seconds: float) -> list[tuple[int, bytes | Gone]]:
        """Replies that have come, after at most so many seconds, each with the number of its node."""

    def release(self, number: int) -> None:
        """End what runs on a node; nothing of it will come any more."""

    def close(self) -> None:
        """End everything on all nodes."""
