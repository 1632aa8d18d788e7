"""pytest plugin of flakeproof: ``pytest --flakeproof 1000``, ``@pytest.mark.stress`` and ``--short``.

flakeproof itself is imported only when one of them is used. The tests run in flakeproof's own processes, as with
``flakeproof run``: what pytest sees is one result for each test.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from flakeproof.summary import ItemSummary, Summary

_SHORT_VARIABLE = "FLAKEPROOF_SHORT"
_VALUED = ("--flakeproof", "--flakeproof-workers", "--flakeproof-isolation")
_MARKER = (
    "stress(count=1000, max_rate=0, workers=None): run this test so often, and fail if it fails more often; "
    "without arguments it runs once; --short skips it"
)
_COUNT = 1000
_DRIVER = "flakeproof_worker.pytest_driver.plugin"


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
def pytest_cmdline_main(config: pytest.Config) -> Iterator[None]:
    """Check our options, and leave the distribution of tests to flakeproof where it runs them all."""
    count = config.getoption("--flakeproof")
    if count is not None:
        if count < 1:
            raise pytest.UsageError(f"--flakeproof {count}: at least one run is needed")
        if config.getoption("usepdb", False):
            raise pytest.UsageError("--flakeproof and --pdb: nobody debugs a thousand runs; give one of the two")
        alone: dict[str, Any] = {"numprocesses": None, "dist": "no", "tx": []}
        for name, value in alone.items():
            if hasattr(config.option, name):
                setattr(config.option, name, value)
    yield


class _Stress:
    """Runs tests many times and reports each of them once."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._lines: list[str] = []

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Skip stress tests where time is short."""
        if self._config.getoption("--short") or os.environ.get(_SHORT_VARIABLE, "0") not in ("", "0"):
            for item in items:
                if item.get_closest_marker("stress") is not None:
                    item.add_marker(pytest.mark.skip(reason="a stress test, and time is short"))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """With --flakeproof: run the whole selection that often."""
        count = self._config.getoption("--flakeproof")
        if count is None or self._config.getoption("collectonly") or session.testsfailed or not session.items:
            return None
        options = {
            "count": count,
            "workers": self._config.getoption("--flakeproof-workers"),
            "isolation": self._config.getoption("--flakeproof-isolation"),
        }
        words = list(self._config.invocation_params.args)
        summary = self._run([], words, options, lambda name: f"--flakeproof-{name}".removesuffix("-count"))
        found = {result.item: result for result in summary.items}
        for item in session.items:
            self._report(item, found.pop(item.nodeid, None), summary, _settings(item).get("max_rate", 0.0))
        for result in found.values():  # what failed in the name of several, such as the teardown of a class
            self._log(result.item, (result.item, None, result.item), "failed", _text(result), summary.elapsed)
            self._lines.append(_line(result))
        _end_early(session, summary)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Run a marked test as often as its marker says."""
        settings = _settings(item)
        if not settings or any(mark.name == "skip" for mark in item.iter_markers()):
            return None
        given = [word for word in self._config.invocation_params.args if word not in self._config.args]
        rest = item.nodeid.partition("::")[2]
        options = {"count": settings.get("count", _COUNT), "workers": settings.get("workers")}
        argument = f"{item.path}::{rest}" if rest else str(item.path)
        summary = self._run([argument], given, options, lambda name: f"{item.nodeid}: {name} of stress")
        results = sorted(summary.items, key=lambda result: -result.failed)
        self._report(item, results[0] if results else None, summary, settings.get("max_rate", 0.0))
        _end_early(item.session, summary)
        return True

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """One line for each test that ran more than once."""
        if self._lines:
            terminalreporter.section("flakeproof")
            for line in self._lines:
                terminalreporter.line(line)

    def _run(
        self, arguments: list[str], words: list[str], options: dict[str, Any], shown: Callable[[str], str]
    ) -> "Summary":
        """Run what pytest finds for these arguments, with the options among `words`.

        `options` are flakeproof's, `shown` gives their names for messages. Raises pytest.UsageError.
        """
        from flakeproof import config as configuration
        from flakeproof.errors import FlakeproofError
        from flakeproof.reports.plain import PlainConsole
        from flakeproof.reports.writer import Writer
        from flakeproof.runspec import build
        from flakeproof.session import conduct
        from flakeproof.store.folder import KEPT_RUNS, store_of
        from flakeproof.targets.tests import PytestLine

        folder = self._config.invocation_params.dir
        capture = self._config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture is not None else nullcontext():
            print()  # pytest's line of dots is not ended
            try:
                config = configuration.load({**options, "python": sys.executable}, os.environ, Path(folder), shown)
                spec = build(PytestLine(arguments, _without_ours(words)), config, {}, Path(folder))
                console = PlainConsole(Writer(sys.stdout, sys.stdout), tells_failures=False)
                keep = config.get("keep-runs") or KEPT_RUNS
                return conduct(spec, store_of(config), lambda _: [console], print, keep)
            except FlakeproofError as error:
                text = "\n".join(part for part in (error.message, error.remedy, error.details) if part)
                raise pytest.UsageError(f"flakeproof: {text}") from None

    def _report(self, item: pytest.Item, result: "ItemSummary | None", summary: "Summary", most: float) -> None:
        """Tell pytest how the runs of one test came out; a rate of up to `most` is no failure."""
        if result is None or not (result.passed or result.failed):
            why = f"skipped each of {summary.total} times" if result else "flakeproof did not come to run it"
            self._log(item.nodeid, item.location, "skipped", (str(item.path), 0, f"Skipped: {why}"), 0.0)
            return
        self._lines.append(_line(result))
        if (result.rate or 0.0) > most:
            budget = f"more than the {100 * most:g}% allowed\n" if most else ""
            self._log(
                item.nodeid, item.location, "failed", f"{_line(result)}\n{budget}{_text(result)}", summary.elapsed
            )
        else:
            self._log(item.nodeid, item.location, "passed", None, summary.elapsed)

    def _log(self, nodeid: str, location: tuple[str, int | None, str], outcome: Any, text: Any, seconds: float) -> None:
        hook = self._config.hook
        hook.pytest_runtest_logstart(nodeid=nodeid, location=location)
        for when in ("setup", "call", "teardown"):
            is_call = when == "call"
            hook.pytest_runtest_logreport(
                report=pytest.TestReport(
                    nodeid,
                    location,
                    {},
                    outcome if is_call else "passed",
                    text if is_call else None,
                    when,
                    duration=seconds if is_call else 0.0,
                )
            )
        hook.pytest_runtest_logfinish(nodeid=nodeid, location=location)


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


def _line(result: "ItemSummary") -> str:
    from flakeproof.reports.rates import rate_with_interval

    decided = result.failed + result.passed
    rate = rate_with_interval(result.rate or 0.0, result.interval) if result.interval is not None else ""
    return f"{result.item}: {result.failed} of {decided} failed, {rate}"


def _text(result: "ItemSummary") -> str:
    """The distinct failures, each with an example."""
    from flakeproof.reports.details import failure_details

    rows: list[str] = []
    for found in result.signatures:
        rows += ["", f"{found.count} times, first in run {found.example.trial}:", *failure_details(found.example)]
    return "\n".join(rows)


def _end_early(session: pytest.Session, summary: "Summary") -> None:
    from flakeproof.verdict import INTERRUPTED, TERMINATED

    if summary.stopped in (INTERRUPTED, TERMINATED):
        raise session.Interrupted(f"flakeproof was {summary.stopped}")
