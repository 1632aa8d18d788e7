"""Known flakes that hardly ever show by themselves, or never: something has to be scarce, strange or slow.

Each has a folder in `tests/planted/python` with two projects, `flaky` and `fixed`, its twin, as those of `catalogue`.
The bench of `flakeproof diagnose` leaves them out: it has no name for half of these
causes, and plain tests do not fail.
"""

from dataclasses import dataclass

from tests.planted.catalogue import SLOWER, Known

from flakeproof.features.diagnose.records import CauseId


@dataclass(frozen=True)
class Rare(Known):
    """A known flake that has to be provoked."""

    mechanism: str
    target: str
    """For `flakeproof run`, in the folder of the project; a program where `is_program`."""
    drivers: tuple[str, ...]
    """Factors of `flakeproof amplify` that make it fail more often by its own mechanism."""
    provoked: tuple[str, ...]
    """Options of `flakeproof run` with which it fails in most tests."""
    held: tuple[str, ...] = ()
    """Options that belong to it in any case."""
    is_program: bool = False
    cause: CauseId | None = None
    """What `flakeproof diagnose` calls it, if it has a name for it."""


RARE = (
    Rare(
        "few_descriptors",
        "a node counts as down when no socket can be made for it, as there are no descriptors left",
        "test_cluster.py",
        ("max-fds",),
        ("--max-fds", "64"),
        cause=CauseId.SCARCITY,
    ),
    Rare(
        "full_disk",
        "what a full disk has cut off is kept, and read as if it were whole",
        "test_pages.py",
        ("temp-space",),
        ("--temp-space", "64KB"),
        cause=CauseId.SCARCITY,
    ),
    Rare(
        "vanished_subscriber",
        "nobody but itself refers to an object that is to listen, until the collector finds it",
        "test_shop.py",
        ("gc",),
        ("--gc", "20"),
        held=("--isolation", "shared"),
        cause=CauseId.GARBAGE,
    ),
    Rare(
        "parts_as_listed",
        "parts of a text are put together in the order in which their folder is listed",
        "test_uploads.py",
        ("directory-order",),
        ("--directory-order", "shuffled"),
        cause=CauseId.DIRECTORY_ORDER,
    ),
    Rare(
        "nights_by_the_clock",
        "nights are counted as 24 hours each, and daylight saving begins or ends between",
        "test_booking.py",
        ("timezone",),
        ("--timezone", "Europe/Berlin"),
    ),
    Rare(
        "impatient_throttle",
        "a pause is measured with the time of day, which somebody may put right, or which goes too fast",
        "test_throttle.py",
        ("clock",),
        ("--clock", "x4"),
    ),
    Rare(
        "no_cpu_left",
        "work is shared out among all processors but one",
        "test_index.py",
        ("cpus",),
        ("--cpus", "1"),
    ),
    Rare(
        "lost_lease",
        "who stands still for a moment loses a lease, and does not take a new one",
        "harvest.py",
        SLOWER,
        ("--freeze", "30ms..50ms"),
        is_program=True,
        cause=CauseId.LOAD,
    ),
    Rare(
        "early_client",
        "a client waits for a sixth of a second for a server to start, however long that takes",
        "client.py",
        SLOWER,
        ("--cpu-quota", "15%"),
        is_program=True,
        cause=CauseId.LOAD,
    ),
)
