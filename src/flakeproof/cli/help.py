"""The text of `--help`: options in panels, commands in groups, examples at the end; plain, because that is quick.

What draws boxes takes as long to import as everything else together.
"""

import sys
from collections.abc import Iterable
from typing import Any

from typer.core import TyperCommand, TyperGroup

from flakeproof.settings.table import PANELS, SCENARIO

_ORDER = ("Options", *PANELS, "Help")
_OF_SCENARIOS = ("stress", "config")
"""Commands that are about a scenario, whatever they are given."""
EXAMPLES = {
    "run": (
        ("flakeproof run tests/test_stock.py::test_sold", "2,000 times, each in a fork"),
        ("flakeproof run -c 500 -w 8 -x shop:check_totals", "a function, until it fails"),
        ("flakeproof run -c 200 -- ./server.test -test.run TestReady", "any command"),
    ),
    "gate": (
        ("flakeproof gate --max-rate 1% tests/test_stock.py", "each of its tests fails in less than 1%"),
        ("flakeproof gate --max-rate 0.1% --duration 10m shop:check_totals", "as far as 10 minutes can tell"),
        ("flakeproof gate --max-rate 1% --junit-xml flaky.xml -- ./server.test", "with a report for CI"),
    ),
    "amplify": (
        ("flakeproof amplify tests/test_stock.py::test_sold", "about 5 minutes"),
        ("flakeproof amplify --budget 30m --save-preset nasty tests/test_stock.py", "keep what was found"),
        ("flakeproof amplify --only delay,race shop:check_totals", "only these perturbations"),
    ),
    "diagnose": (
        ("flakeproof diagnose tests/test_stock.py::test_sold", "about 2 minutes"),
        ("flakeproof diagnose --budget 10m --in tests tests/test_stock.py::test_sold", "among other tests"),
        ("flakeproof diagnose --markdown why.md shop:check_totals", "for an issue"),
    ),
    "verify": (
        ("flakeproof verify --base main tests/test_stock.py::test_sold", "the working tree against main"),
        ("flakeproof verify --base HEAD~1 --fix HEAD --build make -- ./server.test", "two commits, built"),
        ("flakeproof verify --base main --confirm 0.1% tests/test_stock.py", "then how rare it is now"),
    ),
    "bisect": (
        ("flakeproof bisect tests/test_stock.py::test_sold --good v1.4 --bad HEAD", "since when is it flaky?"),
        ("flakeproof bisect --good v1.4 --bad HEAD --build make -- ./server.test", "a command, built"),
        ("flakeproof bisect tests/test_stock.py::test_sold --good v1 --bad v2 --fixed", "what mended it?"),
    ),
    "compare": (
        ('flakeproof compare --arm old:"shop:check_old" --arm new:"shop:check_new"', "two functions"),
        ('flakeproof compare --arm one:"-w 1 shop:check" --arm many:"-w 8 shop:check"', "two settings"),
        ("flakeproof compare --resume latest --duration 30m", "go on with an earlier comparison"),
    ),
    "ci": (
        ("flakeproof ci job.log", "from a log to a command that fails"),
        ("flakeproof ci artifacts.zip --show", "what is known of the job; nothing is run"),
        ("flakeproof ci --capture", "what to configure so that the next red job can be reproduced"),
    ),
    "isolate": (
        ("flakeproof isolate tests/test_b.py::test_total", "among all that pytest collects here"),
        ("flakeproof isolate tests/test_b.py::test_total --in tests/unit", "among these"),
        ("flakeproof isolate tests/test_b.py::test_total --from latest 17", "in the order of a recorded test"),
    ),
    "fdtrace": (
        ("flakeproof fdtrace -- ./server.test", "any command"),
        ("flakeproof fdtrace -- python -m pytest tests/test_sockets.py", "tests of pytest"),
        ("flakeproof fdtrace --json trace.json -- ./server.test", "for programs"),
    ),
    "wire": (
        ("flakeproof wire -- ./server.test", "any command"),
        ("flakeproof wire tests/test_sockets.py::test_echo", "a test of pytest"),
        ("flakeproof wire --read some.pcap", "a capture that there is"),
    ),
    "stress": (
        ("flakeproof stress ci", "2,000 tests, as in CI"),
        ("flakeproof stress fast --server leaky", "1,000 tests of the server before its fix"),
        ("flakeproof stress parallel --settle 0ms", "250,000 tests with 50 at once"),
    ),
    "plan": (
        ("flakeproof plan --rate 2%", "how many tests show a flake of 2%"),
        ("flakeproof plan --seen 3/200", "one that failed in 3 of 200 tests"),
        ("flakeproof plan --rate 2% --count 500", "what 500 tests show"),
    ),
    "show": (
        ("flakeproof show", "the latest run"),
        ("flakeproof show latest 17", "its test 17"),
        ("flakeproof show 20261122-17", "a run by the beginning of its id"),
    ),
    "runs": (
        ("flakeproof runs", "all that there are"),
        ("flakeproof runs -n 10", "the newest 10"),
        ("flakeproof runs --store /var/tmp/runs", "in another folder"),
    ),
    "report": (
        ("flakeproof report latest", "what came out of the latest run, also if it was killed"),
        ("flakeproof report latest --junit-xml flaky.xml", "for CI"),
        ("flakeproof report 20261122-17 --markdown flaky.md", "for a pull request"),
    ),
    "merge": (
        ("flakeproof merge part-*/.flakeproof", "the records of all parts of a run"),
        ("flakeproof merge artifacts --junit-xml flaky.xml", "all that lie below a folder"),
        ("flakeproof merge part-1.zip part-2.zip", "archives of them"),
    ),
    "replay": (
        ("flakeproof replay latest 17", "test 17 of the latest run"),
        ("flakeproof replay 20261122-17 3", "of a run by the beginning of its id"),
        ("flakeproof replay latest 17 --json -", "for programs"),
    ),
    "history": (
        ("flakeproof history import reports.zip --branch main", "JUnit files of any runner"),
        ("flakeproof history", "which tests are flaky or broken, since when, at what cost"),
        ("flakeproof history test_stock --since 30d", "all that is known of some tests"),
    ),
    "dashboard": (
        ("flakeproof dashboard", "the history and the runs of this folder, at http://127.0.0.1:8420/"),
        ("flakeproof dashboard --host 0.0.0.0 --port 0", "for others, too: prints an address with a token"),
        ("flakeproof dashboard --history postgresql://ci@db/flaky --since 90d", "the history of a team"),
    ),
    "quarantine": (
        ("flakeproof quarantine check", "in CI: fails when an entry is over, or its test is stable again"),
        ("flakeproof quarantine check --file tests/quarantine.toml", "another file"),
        ("flakeproof quarantine check --history postgresql://ci@db/flaky", "by the history of a team"),
    ),
    "config": (
        ("flakeproof config", "all settings"),
        ("flakeproof config tests/test_stock.py", "as they are for these tests"),
        ("flakeproof config --preset fast -w 8", "with options of the command line"),
    ),
    "clean": (
        ("flakeproof clean --dry-run", "what would go"),
        ("flakeproof clean --keep 10", "all but the newest 10"),
        ("flakeproof clean", "all"),
    ),
}
"""For each command, what to type and what that does."""
_FIRST_STEPS = (
    ("flakeproof run tests/test_x.py::test_y", "how often does it fail?"),
    ("flakeproof diagnose tests/test_x.py::test_y", "why?"),
    ("flakeproof verify --base main tests/test_x.py::test_y", "is it fixed?"),
)


class Command(TyperCommand):
    """A command whose help has panels and examples."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments, then options by panel; those of a scenario only where one is named."""
        arguments = [param for param in self.get_params(ctx) if param.param_type_name == "argument"]
        _section(formatter, "Arguments", (param.get_help_record(ctx) for param in arguments))
        panels: dict[str, list[Any]] = {}
        for param in self.get_params(ctx):
            if param.param_type_name == "option":
                panels.setdefault(_panel(param), []).append(param.get_help_record(ctx))
        for name in sorted(panels, key=lambda name: _ORDER.index(name) if name in _ORDER else 0):
            if name != SCENARIO or self.name in _OF_SCENARIOS or _names_scenario(sys.argv):
                _section(formatter, name, panels[name])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The examples."""
        _examples(formatter, EXAMPLES.get(self.name or "", ()))


class CommandGroup(TyperGroup):
    """All commands, by what they are for."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """In groups, in the order in which they were added."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            panel = getattr(command, "rich_help_panel", None) or "Commands"
            groups.setdefault(str(panel), []).append((name, command.get_short_help_str(200)))
        for panel, rows in groups.items():
            _section(formatter, panel, rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The first steps."""
        _examples(formatter, _FIRST_STEPS)


def _panel(param: Any) -> str:
    if "--help" in param.opts:
        return "Help"
    return getattr(param, "rich_help_panel", None) or "Options"


def _names_scenario(words: Iterable[str]) -> bool:
    from flakeproof.scenarios.catalogue import SCENARIOS

    return any(word in SCENARIOS for word in words)


def _section(formatter: Any, name: str, rows: Iterable[tuple[str, str] | None]) -> None:
    if shown := [row for row in rows if row is not None]:
        with formatter.section(name):
            formatter.write_dl(shown)


def _examples(formatter: Any, examples: Iterable[tuple[str, str]]) -> None:
    if not (shown := list(examples)):
        return
    with formatter.section("Examples"):
        for command, what in shown:
            # As they are: what is to be pasted must not be wrapped.
            formatter.write(f"{'':{formatter.current_indent}}{command}\n{'':{formatter.current_indent}}    # {what}\n")
