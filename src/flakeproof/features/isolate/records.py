"""The records that describe an isolation: what is asked for, and what came out."""

from enum import StrEnum

import msgspec

from flakeproof.model import Carrier, Record, RunSpec
from flakeproof.results.summary import RateInterval

SCHEMA_VERSION = 1


class CulpritKind(StrEnum):
    """What was found out about a test."""

    POLLUTED = "polluted"
    """It passes alone and fails behind others."""
    BRITTLE = "brittle"
    """It fails alone and passes in the company of others."""
    IMPORTS = "imports"
    """It ends otherwise when another test module is merely imported."""
    REPEATED = "repeated"
    """It passes, and fails when it has run before in the same process."""
    FAILS_ALONE = "fails alone"
    """No company makes a difference that could be seen."""
    ORDER = "order"
    """It depends on the others, but which ones could not be found out."""
    NOT_REPRODUCED = "not reproduced"
    NO_OUTCOME = "no outcome"
    """It could not be run to an end: it is skipped, or others end the process before it comes to it."""
    INTERRUPTED = "interrupted"
    """It was ended before anything was known."""


class IsolationRequest(Record, frozen=True, kw_only=True):
    """What is asked for."""

    victim: str
    """Node id, as pytest shows it or as one would type it in the folder of the target."""
    spec: RunSpec
    """The tests among which is searched, workers, time limit of a probe and of the whole, seed."""
    error: float = 0.01
    """Probability that what is named may be wrong with."""
    order: list[str] = msgspec.field(default_factory=list)
    """Node ids in an order in which it failed; empty for the order of collection."""
    trial: int | None = None
    """The trial of a recorded run that failed, whose seed shuffled that order."""
    most: int = 10
    """Sets of culprits after which no further is looked for."""


class Rate(Record, frozen=True, kw_only=True):
    """How often the test failed, of the runs in which it had an outcome."""

    failed: int
    runs: int
    interval: RateInterval


class Member(Record, frozen=True, kw_only=True):
    """A test that has to do with it."""

    test: str
    place: str
    comes_after: bool = False
    """Whether it runs behind the test that it has the effect on (as in a class whose teardown needs it)."""
    is_imported: bool = False
    """Whether it is a module of which nothing runs: pytest imports it to collect its tests."""
    fails: bool = False
    """Whether it fails itself."""
    message: str = ""
    """What it says then."""


class CulpritSet(Record, frozen=True, kw_only=True):
    """Tests that have the effect together, and not without any one of them."""

    members: list[Member]
    only_in_this_order: bool = False
    with_them: Rate
    """How often the test fails in their company."""
    without: Rate
    """How often alone, in runs beside those."""
    log_evidence: float
    """Logarithm of how many times as likely the difference is as no difference."""
    carriers: list[Carrier] = msgspec.field(default_factory=list)
    """What they leave behind, the likeliest first."""
    looked_for_carriers: bool = False
    """Whether there was time to look for them to the end."""
    command: str = ""
    """Shows it in a shell."""
    confirmed: bool | None = None
    """Whether exactly that command did show it; None if it was not run to an end."""
    confirmation: str = ""
    """What was run, and how it came out."""


class IsolationReport(Record, frozen=True, kw_only=True):
    """Everything that was found out."""

    schema_version: int = SCHEMA_VERSION
    version: str
    victim: str
    place: str
    kind: CulpritKind
    message: str
    """How the test failed, in one line; "" if it never did."""
    culprits: list[CulpritSet]
    is_complete: bool
    """Whether no further set was left when the search ended, as far as was tried (the next three)."""
    tried_alone: int = 0
    """Other tests that each ran alone before it, without an effect."""
    left_untried: int = 0
    """Other tests for which there was no time to do that."""
    tried_together: bool = False
    """Whether all other tests of the order ran together before it, without an effect."""
    unproven: list[str] = msgspec.field(default_factory=list)
    """Tests that had the effect in one run; there was no time, or no need, to prove them."""
    alone: Rate | None
    in_order: Rate | None
    """In the order that was started from."""
    in_other_orders: Rate | None
    order: str
    """Which order shows it, in words."""
    command: str
    """What shows it; of the first set of culprits, or of the test alone."""
    confirmed: bool | None
    ended_the_process: list[Member]
    """Tests that end the process, or run out of time: what comes behind them has no outcome."""
    notes: list[str]
    tests: int
    probes: int
    elapsed: float
    """Seconds, from the start to the answer."""
    error: float
    seed: int
    stopped: str | None
    """Why it ended early."""
    exit_code: int
