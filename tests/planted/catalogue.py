"""The known flakes in Python as data: how each is run, why it fails, and what must be found in it.

Each has a folder in `tests/planted/python` with two projects, `flaky` and `fixed`, its twin. What is wrong stands in
lines that end in `# guilty`.
"""

import ast
import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flakeproof.features.diagnose.records import CauseId
from flakeproof.stats.intervals import clopper_pearson

PYTHON = Path(__file__).parent / "python"
MARK = "# guilty"
MISS = 1e-6
"""Probability with which a plant may fail to show in `Plant.trials` tests."""


@dataclass(frozen=True)
class Guilty:
    """A line that is wrong."""

    file: str
    """Relative to the project."""
    line: int
    function: str
    """The innermost one around the line."""


@dataclass(frozen=True)
class Known:
    """A flake with a folder."""

    name: str

    @property
    def flaky(self) -> Path:
        """Folder of the project that is flaky."""
        return PYTHON / self.name / "flaky"

    @property
    def fixed(self) -> Path:
        """Folder of its twin."""
        return PYTHON / self.name / "fixed"


@dataclass(frozen=True)
class Plant(Known):
    """One that plain tests show."""

    cause: CauseId
    mechanism: str
    targets: tuple[str, ...]
    """What `flakeproof run` is given, in the folder of the project."""
    victim: str
    """The id for pytest of the test that fails."""
    measured: tuple[int, int]
    """Failures and tests of a run of `targets` with `settings`."""
    settings: tuple[str, ...] = ()
    also: tuple[CauseId, ...] = ()
    """Causes that name it as well."""
    polluter: str = ""
    """The id for pytest of the test that leaves something behind, if what is wrong is not in it."""
    drivers: tuple[str, ...] = ()
    """Factors of `flakeproof amplify` that make it fail more often by its own mechanism.

    None where nothing does that is not in `settings` already: it rolls dice, or every other test fails.
    """
    held: tuple[str, ...] = ()
    """Options that `amplify` is given: of `settings` what is no driver."""
    passing: tuple[str, ...] = ()
    """What `amplify` is given instead of `targets`: an order of the tests in which none fails."""

    @property
    def causes(self) -> tuple[CauseId, ...]:
        """Every cause that names it."""
        return (self.cause, *self.also)

    @property
    def trials(self) -> int:
        """So many tests fail to show it with a probability of `MISS` at most."""
        return self.trials_that_miss(MISS)

    def trials_that_miss(self, miss: float) -> int:
        """So many tests fail to show it with a probability of `miss` at most.

        For a rate that is the lower end of its interval (95 %), so that chance in the measurement is allowed for.
        """
        failed, total = self.measured
        least = clopper_pearson(failed, total, 0.95).low
        return math.ceil(math.log(miss) / math.log1p(-least))

    def guilty(self) -> list[Guilty]:
        """Every line that is marked."""
        return [line for path in sorted(self.flaky.rglob("*.py")) for line in marked(path, self.flaky)]

    def copy(self, side: Path, to: Path) -> Path:
        """Copy `flaky` or `fixed` to a new folder in `to`, so that no run leaves anything in the tree."""
        return Path(shutil.copytree(side, to / self.name, ignore=shutil.ignore_patterns("__pycache__", ".*")))


def marked(path: Path, project: Path) -> Iterator[Guilty]:
    """The marked lines of one file."""
    text = path.read_text()
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for number, line in enumerate(text.splitlines(), 1):
        if line.endswith(MARK):
            around = [node for node in functions if node.lineno <= number <= (node.end_lineno or 0)]
            innermost = max(around, key=lambda node: node.lineno)
            yield Guilty(str(path.relative_to(project)), number, innermost.name)


def plant(name: str) -> Plant:
    """The one of that name. Raises KeyError."""
    return {each.name: each for each in PLANTS}[name]


_SHARED = ("--isolation", "shared")
_SHUFFLED = ("--shuffle",)
SLOWER = ("noise", "cpus", "cpu-quota", "freeze", "workers")
"""What keeps processes and threads from getting on, some of them more than others."""
INTERLEAVED = ("race", "delay", *SLOWER)
"""What makes another thread or task come first."""
_LEFT_BEHIND = ("order", "isolation")
"""What one test leaves behind meets another one after it, and in a shared process also that of the pass before."""

PLANTS = (
    Plant(
        "leaky_server",
        CauseId.LEAKED_WORK,
        "a server's handlers outlive its shutdown, and note a visitor in the next test",
        ("test_server.py",),
        "test_server.py::test_nobody_has_been_here_at_first",
        (79, 3600),
        _SHARED,
        polluter="test_server.py::test_greets_by_name",
        drivers=INTERLEAVED,
        held=_SHARED,
    ),
    Plant(
        "leaked_timer",
        CauseId.LEAKED_WORK,
        "a timer that nobody cancels goes off in the next test",
        ("test_editor.py",),
        "test_editor.py::test_nothing_typed_nothing_saved",
        (82, 600),
        _SHARED,
        polluter="test_editor.py::test_keys_become_text",
        drivers=INTERLEAVED,
        held=_SHARED,
    ),
    Plant(
        "triple_close",
        CauseId.DESCRIPTOR_MISUSE,
        "a test closes a descriptor three times, once by the finaliser of a file in a reference cycle; "
        "the number is another test's connection by then",
        ("test_short_write.py", "test_tcp_rtt.py"),
        "test_tcp_rtt.py::test_tcp_rtt",
        (22, 3000),
        _SHARED,
        drivers=("gc",),
        held=_SHARED,
    ),
    Plant(
        "leaked_child",
        CauseId.LEAKED_RESOURCE,
        "a child that nobody waits for has inherited the pipe whose end is awaited",
        ("test_service.py",),
        "test_service.py::test_service_gets_ready",
        (73, 400),
        drivers=SLOWER,
    ),
    Plant(
        "lost_update",
        CauseId.THREAD_RACE,
        "two threads read a balance, write a journal, and set the balance",
        ("test_account.py",),
        "test_account.py::test_deposits_at_once",
        (70, 400),
        drivers=INTERLEAVED,
    ),
    Plant(
        "check_then_act",
        CauseId.THREAD_RACE,
        "two threads find that a template is not loaded yet",
        ("test_templates.py",),
        "test_templates.py::test_each_template_is_loaded_once",
        (46, 400),
        drivers=INTERLEAVED,
    ),
    Plant(
        "lost_wakeup",
        CauseId.ASYNC_RACE,
        "an event is cleared after an await that follows the look into the queue",
        ("test_mailbox.py",),
        "test_mailbox.py::test_letter_arrives",
        (104, 1000),
        drivers=INTERLEAVED,
    ),
    Plant(
        "missing_await",
        CauseId.ASYNC_RACE,
        "nobody awaits the write that the next read must see",
        ("test_notes.py",),
        "test_notes.py::test_notes_are_counted",
        (39, 400),
        drivers=INTERLEAVED,
    ),
    Plant(
        "interleaved_tasks",
        CauseId.ASYNC_RACE,
        "two tasks ask for a number, await the answer, and set a new one",
        ("test_seats.py",),
        "test_seats.py::test_two_seats_are_sold",
        (200, 1000),
        drivers=INTERLEAVED,
    ),
    Plant(
        "order_global",
        CauseId.ORDER_POLLUTER,
        "a test sets a global of a module",
        ("test_abroad.py", "test_prices.py"),
        "test_prices.py::test_a_price_is_in_dollars",
        (99, 200),
        _SHUFFLED,
        drivers=_LEFT_BEHIND,
        passing=("test_prices.py", "test_abroad.py"),
    ),
    Plant(
        "order_environment",
        CauseId.ORDER_POLLUTER,
        "a test sets an environment variable",
        ("test_greeting.py",),
        "test_greeting.py::test_greets_in_english_by_default",
        (108, 200),
        _SHUFFLED,
        drivers=_LEFT_BEHIND,
        passing=("test_greeting.py::test_greets_in_english_by_default", "test_greeting.py::test_language_is_a_setting"),
    ),
    Plant(
        "order_directory",
        CauseId.ORDER_POLLUTER,
        "a test changes the working directory",
        ("test_rates.py",),
        "test_rates.py::test_rates_that_ship",
        (94, 200),
        _SHUFFLED,
        drivers=_LEFT_BEHIND,
        passing=("test_rates.py::test_rates_that_ship", "test_rates.py::test_relative_path"),
    ),
    Plant(
        "order_monkeypatch",
        CauseId.ORDER_POLLUTER,
        "a test starts a patch and never stops it",
        ("test_reminders.py", "test_welcome.py"),
        "test_welcome.py::test_a_letter_is_json",
        (91, 200),
        _SHUFFLED,
        drivers=_LEFT_BEHIND,
        passing=("test_welcome.py", "test_reminders.py"),
    ),
    Plant(
        "sometimes_polluter",
        CauseId.ORDER_POLLUTER,
        "a test loads two profiles at once; the last to be loaded stays, and it is not always the same",
        ("test_profiles.py", "test_rows.py"),
        "test_rows.py::test_cells_are_separated_by_commas",
        (59, 1000),
        drivers=INTERLEAVED,
    ),
    Plant(
        "brittle",
        CauseId.ORDER_BRITTLE,
        "a test needs what another one registers",
        ("test_formats.py",),
        "test_formats.py::test_lists_are_written_as_json",
        (99, 200),
        _SHUFFLED,
        drivers=("order",),
    ),
    Plant(
        "port_taken",
        CauseId.CONTENTION,
        "a port is found free, let go, and bound again; another process has bound it in between",
        ("test_ports.py",),
        "test_ports.py::test_server_is_reached",
        (19, 1000),
        ("-w", "4", "--no-private-network"),
        drivers=("delay", *SLOWER),
    ),
    Plant(
        "shared_temp_file",
        CauseId.CONTENTION,
        "a temporary file has the same name in every process",
        ("test_export.py",),
        "test_export.py::test_every_row_is_printed",
        (46, 600),
        ("-w", "4"),
        drivers=("delay", *SLOWER),
    ),
    Plant(
        "unseeded_random",
        CauseId.RANDOMNESS,
        "codes are drawn with replacement, and must all differ",
        ("test_vouchers.py",),
        "test_vouchers.py::test_every_voucher_has_a_code_of_its_own",
        (39, 400),
    ),
    Plant(
        "hash_order",
        CauseId.HASH_ORDER,
        "a set of strings is printed in the order in which it is iterated",
        ("test_tags:test_headline_names_its_tags",),
        "test_tags.py::test_headline_names_its_tags",
        (84, 200),
        ("--isolation", "fresh"),
    ),
    Plant(
        "clock_boundary",
        CauseId.CLOCK,
        "the time is asked for twice, and a tenth of a second ends in between",
        ("test_invoices.py",),
        "test_invoices.py::test_number_tells_when_it_was_issued",
        (162, 1000),
        drivers=("clock", "delay", *SLOWER),
    ),
    Plant(
        "clock_resolution",
        CauseId.CLOCK,
        "two files are named by the same hundredth of a second",
        ("test_spool.py",),
        "test_spool.py::test_no_message_is_lost",
        (92, 400),
        drivers=("clock",),
    ),
    Plant(
        "deadline_under_load",
        CauseId.LOAD,
        "work of 7 ms must be done within 30 ms, whatever else the machine does",
        ("test_thumbnails.py",),
        "test_thumbnails.py::test_thumbnail_can_be_read",
        (30, 400),
        ("-w", "16"),
        drivers=("delay", *SLOWER),
    ),
    Plant(
        "float_order",
        CauseId.FLOAT_ORDER,
        "floats are added in the order in which threads end",
        ("test_takings.py",),
        "test_takings.py::test_total_of_all_shops",
        (36, 400),
        also=(CauseId.THREAD_RACE, CauseId.HASH_ORDER),
        drivers=INTERLEAVED,
    ),
)
