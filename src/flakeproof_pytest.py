"""pytest plugin of flakeproof: ``pytest --flakeproof 1000``, ``@pytest.mark.stress`` and ``--short``.

flakeproof itself is imported only when one of them is used. The tests run in flakeproof's own processes, as with
``flakeproof run``: what pytest sees is one result for each test.

There are no assertions here for pytest to rewrite: PYTEST_DONT_REWRITE
"""

import faulthandler
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from flakeproof.errors import FlakeproofError
    from flakeproof.events import AnyEvent
    from flakeproof.results.summary import ItemSummary, Summary

_SHORT_VARIABLE = "FLAKEPROOF_SHORT"
_VALUED = ("--flakeproof", "--flakeproof-workers", "--flakeproof-isolation")
_MARKER = (
    "stress(count=1000, max_rate=0, workers=None): run this test so often, and fail if it fails more often; "
    "without arguments it runs once; --short skips it"
)
_COUNT = 1000
_DRIVER = "flakeproof_worker.pytest_driver.plugin"
_PROPERTY = "flakeproof"
"""Name of the user property of a report that says how the runs came out: it crosses xdist, and reaches JUnit XML."""
_WORDS = "flakeproof_words"
"""Where a process of xdist finds what was given to pytest."""
_LEFT_OUT: dict[str, tuple[Any, str]] = {
    "numprocesses": (None, "-n"),
    "dist": ("no", "--dist"),
    "tx": ([], "--tx"),
    "looponfail": (False, "--looponfail"),
    "reruns": (0, "--reruns"),
    "count": (1, "--count"),
    "flake_finder_enable": (False, "--flake-finder"),
}
"""Options of other plugins that would run tests elsewhere or more often, and what switches them off."""
_MEASURES = ("COV_CORE_", "COVERAGE_PROCESS_")
"""Environment variables by which coverage starts itself in every Python process."""

_left_out = pytest.StashKey[list[str]]()
_IMPORTS_FOLDER = sys.path[:1] in ([""], [os.getcwd()])  # noqa: PTH109
"""Whether pytest was started as a module (`python -m pytest`), when what is in the current folder can be imported."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    group = parser.getgroup("flakeproof")
    group.addoption("--flakeproof", type=int, metavar="N", help="run each selected test N times, in parallel")
    group.addoption("--flakeproof-workers", type=int, metavar="N", help="tests in flight at once [processors]")
    group.addoption(
        "--flakeproof-isolation", choices=("fork", "shared", "fresh"), help="what tests share with each other [fork]"
    )
    group.addoption("--short", action="store_true", help=f"skip stress tests (or {_SHORT_VARIABLE}=1)")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and take part only outside of flakeproof's own processes."""
    config.addinivalue_line("markers", _MARKER)
    if not any(type(plugin).__module__ == _DRIVER for plugin in config.pluginmanager.get_plugins()):
        config.pluginmanager.register(_Stress(config), "flakeproof-stress")


@pytest.hookimpl(hookwrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Measure no coverage where no test runs in this process: it would be that of imports."""
    known: Any = early_config.known_args_namespace
    early_config.stash[_left_out] = []
    if getattr(known, "flakeproof", None) is not None and getattr(known, "cov_source", None):
        known.cov_source, known.no_cov = [], True
        early_config.stash[_left_out] = ["--cov"]
    yield


@pytest.hookimpl(hookwrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Iterator[None]:
    """Check our options, and leave the distribution and repetition of tests to flakeproof where it runs them all."""
    count = config.getoption("--flakeproof")
    if count is not None:
        if count < 1:
            raise pytest.UsageError(f"--flakeproof {count}: at least one run is needed")
        if config.getoption("usepdb", False):
            raise pytest.UsageError("--flakeproof and --pdb: nobody debugs a thousand runs; give one of the two")
        for dest, (nothing, name) in _LEFT_OUT.items():
            if not hasattr(config.option, dest):
                continue
            if getattr(config.option, dest) not in (nothing, None):
                config.stash[_left_out].append(name)
            setattr(config.option, dest, nothing)
    yield


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say what flakeproof does in place of others."""
    count = config.getoption("--flakeproof")
    if count is None:
        return None
    names = config.stash.get(_left_out, [])
    return f"flakeproof: {count} runs of each test" + (f", without {', '.join(names)}" if names else "")


class _Stress:
    """Runs tests many times and reports each of them once."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._lines: list[tuple[str, str]] = []
        """What the summary says of each test, and its outcome."""
        self._has_spoken = False

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Skip stress tests where time is short."""
        if self._config.getoption("--short") or os.environ.get(_SHORT_VARIABLE, "0") not in ("", "0"):
            for item in items:
                if item.get_closest_marker("stress") is not None:
                    item.add_marker(pytest.mark.skip(reason="a stress test, and time is short"))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> Iterator[None]:
        """Keep --count of pytest-repeat from a test that says itself how often it runs."""
        option, marker = self._config.option, metafunc.definition.get_closest_marker("stress")
        count = getattr(option, "count", None)
        if count is None or marker is None or not (marker.args or marker.kwargs):
            yield
            return
        option.count = 1
        yield
        option.count = count

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a process of xdist what was given to pytest: it hears only what came of that."""
        node.workerinput[_WORDS] = _without_arguments(self._config)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """With --flakeproof: run the whole selection that often."""
        count = self._config.getoption("--flakeproof")
        if count is None or self._config.getoption("collectonly") or session.testsfailed or not session.items:
            return None
        _leave_ours_alone(self._config)
        from flakeproof.errors import FlakeproofError

        words = list(self._config.invocation_params.args)
        options = {
            "count": count,
            "workers": self._config.getoption("--flakeproof-workers"),
            "isolation": self._config.getoption("--flakeproof-isolation"),
            "max-failures": self._most_failures(words),
        }
        names = {"count": "--flakeproof", "max-failures": "--maxfail"}
        try:
            summary = self._run([], words, options, lambda name: names.get(name, f"--flakeproof-{name}"))
        except FlakeproofError as error:
            raise pytest.UsageError(f"flakeproof: {_explained(error)}") from None
        found = {result.item: result for result in summary.items}
        for item in session.items:
            with self._shown(item.nodeid, item.location):
                self._report(item, found.pop(item.nodeid, None), summary, _settings(item).get("max_rate", 0.0))
        for result in found.values():  # what failed in the name of several, such as the teardown of a class
            if result.failed:
                location = result.item, None, result.item
                with self._shown(result.item, location):
                    self._log(result.item, location, "failed", _text(result), summary.elapsed, _rate(result))
        if summary.stopped:
            self._lines.append((f"{summary.stopped}: {summary.total} of {summary.planned} runs", "stopped"))
        _end_early(session, summary)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Run a marked test as often as its marker says."""
        marker = item.get_closest_marker("stress")
        if marker is None or not (marker.args or marker.kwargs) or any(m.name == "skip" for m in item.iter_markers()):
            return None
        _leave_ours_alone(self._config)
        from flakeproof.errors import FlakeproofError

        _stop_clocks(item)
        summary = None
        with self._shown(item.nodeid, item.location):
            try:
                settings = _settings(item)
                rest = item.nodeid.partition("::")[2]
                argument = f"{item.path}::{rest}" if rest else str(item.path)
                options = {"count": settings.get("count", _COUNT), "workers": settings.get("workers", self._workers())}
                words = self._given_words()
                summary = self._run([argument], words, options, lambda name: f"{item.nodeid}: {name} of stress")
                self._show_again(item)
                results = sorted(summary.items, key=lambda result: -result.failed)
                self._report(item, results[0] if results else None, summary, settings.get("max_rate", 0.0))
            except (FlakeproofError, pytest.UsageError) as error:
                text = _explained(error) if isinstance(error, FlakeproofError) else str(error)
                self._log(item.nodeid, item.location, "failed", f"flakeproof: {text}", 0.0)
        if summary is not None:
            _end_early(item.session, summary)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what the summary is to say; from processes of xdist, too."""
        self._lines += [
            (f"{report.nodeid}: {value}", report.outcome)
            for name, value in report.user_properties
            if name == _PROPERTY and report.when == "call"
        ]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """One line for each test that ran more than once."""
        if self._lines:
            from flakeproof.reports.foreign import line_shown

            terminalreporter.write_sep("=", "flakeproof")
            for line, outcome in self._lines:
                terminalreporter.line(line_shown(line), red=outcome == "failed", yellow=outcome == "stopped")
            if names := self._config.stash.get(_left_out, []):
                terminalreporter.line(f"without {', '.join(names)}: flakeproof ran the tests, in processes of its own")

    def _run(
        self, arguments: list[str], words: list[str], options: dict[str, Any], shown: Callable[[str], str]
    ) -> "Summary":
        """Run what pytest finds for these arguments, with the options among `words`.

        `options` are flakeproof's, `shown` gives their names for messages. Raises FlakeproofError.
        """
        from flakeproof.events import ItemsCollected
        from flakeproof.features.run.plain_console import PlainConsole
        from flakeproof.features.run.recorded_run import conduct
        from flakeproof.reports.foreign import line_shown
        from flakeproof.reports.writer import Writer
        from flakeproof.settings import load as configuration
        from flakeproof.settings.build_spec import build
        from flakeproof.store.folder import store_of
        from flakeproof.targets.tests import PytestLine

        class Lines(Writer):
            """Writes where pytest does."""

            def _put(self, stream: object, line: str, style: object, *, shown: bool) -> None:
                say(line_shown(line))

        def told(event: "AnyEvent") -> None:
            if not isinstance(event, ItemsCollected):  # pytest has just told that
                console(event)

        say = self._say
        console = PlainConsole(Lines(sys.stdout, sys.stdout), None)
        folder = Path(self._config.invocation_params.dir)
        capture = self._config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture is not None else nullcontext(), _unmeasured():
            config = configuration.load({**options, "python": sys.executable}, os.environ, folder, shown)
            spec = build(PytestLine(arguments, _without_ours(words), _IMPORTS_FOLDER), config, {}, folder)
            return conduct(
                spec, store_of(config), lambda _: [told], say, config.value("keep-runs"), watches_copies=True
            )

    def _say(self, line: str) -> None:
        """Write a line between those of pytest, which begins each of its own with the end of the line before."""
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None and reporter.verbosity >= 0:
            reporter.write(f"\n{line}", flush=True)
            reporter.currentfspath = None
            self._has_spoken = True

    def _show_again(self, item: pytest.Item) -> None:
        """Have the result of `item` stand where pytest puts it, below the lines that we have written."""
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None and self._has_spoken:
            reporter.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        self._has_spoken = False

    def _given_words(self) -> list[str]:
        workerinput: dict[str, Any] | None = getattr(self._config, "workerinput", None)
        return _without_arguments(self._config) if workerinput is None else workerinput[_WORDS]

    def _workers(self) -> int | None:
        """How many tests at once: the processes of xdist, each of which may come here, share the processors."""
        processes = int(getattr(self._config, "workerinput", {}).get("workercount", 0))
        return max(1, len(os.sched_getaffinity(0)) // processes) if processes else None

    def _most_failures(self, words: list[str]) -> int | None:
        """After how many failed runs to stop: -x and --maxfail on the command line mean it, those of a project not."""
        most: int = self._config.option.maxfail
        self._config.option.maxfail = 0  # it is about runs, not about the results that come of them
        return (
            most or None
            if any(re.match(r"--maxfail|--exitfirst$|-[vqslh]*x[vqslhx]*$", word) for word in words)
            else None
        )

    def _report(self, item: pytest.Item, result: "ItemSummary | None", summary: "Summary", most: float) -> None:
        """Tell pytest how the runs of one test came out; a rate of up to `most` is no failure."""
        if result is None or not (result.passed or result.failed):
            skipped = result.outcomes.get("skipped", 0) if result else 0
            if lost := 0 if skipped else summary.outcomes.get("lost", 0):
                told = f"flakeproof: {lost} of {summary.total} runs have no result, and none of them one for this test"
                self._log(item.nodeid, item.location, "failed", told, 0.0)
                return
            why = f"skipped each of {skipped} times" if skipped else "flakeproof did not come to run it"
            self._log(item.nodeid, item.location, "skipped", (str(item.path), 0, f"Skipped: {why}"), 0.0)
            return
        rate = _rate(result)
        outcome, text = "passed", None
        if summary.copies is not None and summary.copies.acquits(item.nodeid):
            from flakeproof.features.run.report_findings import copies_verdict

            rate = f"{rate}. {copies_verdict(summary, item.nodeid)}"
        elif (result.rate or 0.0) > most:
            budget = f"more than the {100 * most:g}% allowed\n" if most else ""
            outcome, text = "failed", f"{rate}\n{budget}{_text(result)}"
        self._log(item.nodeid, item.location, outcome, text, summary.elapsed, rate)

    @contextmanager
    def _shown(self, nodeid: str, location: tuple[str, int | None, str]) -> Iterator[None]:
        """Between these pytest says which test it is about."""
        self._config.hook.pytest_runtest_logstart(nodeid=nodeid, location=location)
        yield
        self._config.hook.pytest_runtest_logfinish(nodeid=nodeid, location=location)

    def _log(
        self,
        nodeid: str,
        location: tuple[str, int | None, str],
        outcome: Any,
        text: Any,
        seconds: float,
        rate: str | None = None,
    ) -> None:
        """Report the three phases of a test."""
        for when in ("setup", "call", "teardown"):
            is_call = when == "call"
            report = pytest.TestReport(
                nodeid,
                location,
                {},
                outcome if is_call else "passed",
                text if is_call else None,
                when,
                user_properties=[(_PROPERTY, rate)] if rate and when != "setup" else [],  # JUnit XML has the teardown's
                duration=seconds if is_call else 0.0,
            )
            self._config.hook.pytest_runtest_logreport(report=report)


def _leave_ours_alone(config: pytest.Config) -> None:
    """Have flakeproof's modules imported as they are, and not compiled again by pytest."""
    from flakeproof_worker.pytest_driver.folder_on_path import leave_ours_alone

    leave_ours_alone(config)


@contextmanager
def _unmeasured() -> Iterator[None]:
    """Let the processes that are started now measure no coverage."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(_MEASURES)}
    for name in kept:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(kept)


def _stop_clocks(item: pytest.Item) -> None:
    """Time limits are for one run of a test: they apply in each of ours, and not to all of them together."""
    cancel = getattr(item.config.hook, "pytest_timeout_cancel_timer", None)
    if cancel is not None:
        cancel(item=item)
    faulthandler.cancel_dump_traceback_later()


def _explained(error: "FlakeproofError") -> str:
    return "\n".join(part for part in (error.message, error.remedy, error.details) if part)


def _settings(item: pytest.Item) -> dict[str, Any]:
    """What the marker of a test says, nothing for one that is bare. Raises pytest.UsageError."""
    marker = item.get_closest_marker("stress")
    if marker is None:
        return {}
    known = ("count", "max_rate", "workers")
    for name in marker.kwargs:
        if name not in known:
            raise pytest.UsageError(f"{item.nodeid}: stress has no {name!r}; it takes {', '.join(known)}")
    settings = {**dict(zip(known, marker.args, strict=False)), **marker.kwargs}
    if not 0 <= settings.get("max_rate", 0) < 1:
        raise pytest.UsageError(f"{item.nodeid}: max_rate={settings['max_rate']} is no rate; 2% is 0.02")
    return settings


def _without_arguments(config: pytest.Config) -> list[str]:
    """What was given to pytest beside files, folders and node ids."""
    words = list(config.invocation_params.args)
    for argument in config.args:
        places = [place for place, word in enumerate(words) if word == argument]
        # In `-k net net` only one of the two is an argument.
        free = [place for place in places if place == 0 or not words[place - 1].startswith("-")]
        if places:
            del words[(free if len(places) > 1 and free else places)[-1]]
    return words


def _without_ours(words: list[str]) -> list[str]:
    """What was given to pytest, for a pytest that may not have this plugin."""
    kept: list[str] = []
    skips_next = False
    for word in words:
        if skips_next:
            skips_next = False
        elif word in _VALUED:
            skips_next = True
        elif word != "--short" and not word.startswith(tuple(f"{option}=" for option in _VALUED)):
            kept.append(word)
    return kept


def _rate(result: "ItemSummary") -> str:
    from flakeproof.reports.rates import rate_with_interval

    rate = rate_with_interval(result.rate or 0.0, result.interval) if result.interval is not None else ""
    return f"{result.failed} of {result.failed + result.passed} failed, {rate}"


def _text(result: "ItemSummary") -> str:
    """The distinct failures, each with an example."""
    from flakeproof.reports.details import failure_details
    from flakeproof.reports.foreign import in_github_actions, line_shown, no_command

    rows: list[str] = []
    for found in result.signatures:
        number = found.example.trial
        how_often = f"{found.count} times, first in run {number}" if found.count > 1 else f"once, in run {number}"
        rows += ["", f"{how_often}:", *failure_details(found.example)]
    shown = [line_shown(row) for row in rows]
    return "\n".join(no_command(row) for row in shown) if in_github_actions(os.environ) else "\n".join(shown)


def _end_early(session: pytest.Session, summary: "Summary") -> None:
    from flakeproof.errors import is_signal

    if is_signal(summary.stopped):
        raise session.Interrupted(f"flakeproof was {summary.stopped}")
