"""The plugin through which pytest tells what it collects and how items end, and which leaves the running to us."""

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from time import perf_counter_ns
from typing import Any

from flakeproof_worker.failure import describe
from flakeproof_worker.sanitize import attribution
from flakeproof_worker.shared.process_exit import end_at_once

_pytest: Any = importlib.import_module("pytest")  # the user's, which need not be there when this package is checked
_runner: Any = importlib.import_module("_pytest.runner")
hookimpl = _pytest.hookimpl

_NOT_WANTED: dict[str, Any] = {
    # Each worker process is one of ours already.
    "numprocesses": None,
    "dist": "no",
    "tx": [],
    "looponfail": False,
    # A trial is one attempt, at one test, with nobody at the keyboard; and all of the trials are wanted.
    "reruns": 0,
    "count": 1,
    "maxfail": 0,
    "usepdb": False,
    "trace": False,
    "collectonly": False,
    "setuponly": False,
    "setupplan": False,
    # Already done when it is first read: see `pytest_load_initial_conftests`.
    "capture": "no",
    # Reports of pytest's own, which would be about something else than what the user had asked for.
    "xmlpath": None,
    "durations": None,
}
_REPORTING = ("pytest_runtest_logstart", "pytest_runtest_logreport", "pytest_runtest_logfinish")
_REMEMBERING = ("lfplugin", "nfplugin", "stepwiseplugin")
"""Plugins that keep in the project which tests have failed."""
_RERUNNING = ("pytest_rerunfailures", "flaky.flaky_pytest_plugin", "pytest_retry.retry_plugin")
"""Modules of plugins that run an item again when it has failed: here the first attempt counts, whatever a mark says."""


class _KeepsNothing:
    """Has what plugins keep for the next run of pytest go nowhere: they do so when they are configured."""

    def __init__(self) -> None:
        self._cache: Any = None

    def pytest_configure(self, config: Any) -> None:
        """Called before that of other plugins, being the last registered, and after the one that makes the cache."""
        self._cache = getattr(config, "cache", None)
        if self._cache is not None:
            self._cache.set = lambda key, value: None

    def end(self) -> None:
        """Let tests use the cache as they like."""
        if self._cache is not None:
            del self._cache.set


class _CaptureInPhase:
    """What is left of pytest's capture around each phase of an item when nothing but a fixture of the test captures."""

    def __init__(self, capture: Any, streams: tuple[Any, Any] | None) -> None:
        self._capture = capture
        self._streams = streams

    def __enter__(self) -> None:
        if self._streams is not None:  # as capturing would: suites rely on it unawares
            sys.stdout, sys.stderr = self._streams
        self._capture.activate_fixture()

    def __exit__(self, *error: object) -> None:
        self._capture.deactivate_fixture()


class Plugin:
    """Registered with pytest as `flakeproof`."""

    def __init__(self, run_seed: int, begin: Callable[[Any], None]) -> None:
        """`begin` is given pytest's session when everything is collected, and runs the trials."""
        self._run_seed = run_seed
        self._begin = begin
        self.began = False
        self.errors: list[Any] = []
        """Reports of collectors that failed."""
        self.usage_error = ""
        self.ended: list[Any] = []
        """Reports of the present item that say more than that a phase passed."""
        self._described: dict[int, tuple[Any, BaseException, dict[str, Any]]] = {}
        self._keeps_nothing = _KeepsNothing()
        self._is_plain = False
        """Whether nothing in the way an item runs is somebody's own."""
        self.fixture_folders: Callable[[], Any] | None = None
        """Where fixtures of the session keep their temporary files; None for where the trial does."""
        self._streams: tuple[Any, Any] | None = sys.stdout, sys.stderr
        """What pytest's capture would have put in place before each phase; None if it was not asked to."""

        self.of_session: dict[str, int] = {}
        """Nanoseconds that the fixtures of the session took which this pass has set up, by their names."""

    # -- the start

    @hookimpl(hookwrapper=True, tryfirst=True)  # type: ignore[untyped-decorator]
    def pytest_load_initial_conftests(self, early_config: Any) -> Iterator[None]:
        """Capture nothing, and measure no coverage, which slows trials down and leaves files.

        What a trial writes goes to a file of ours, so that neither does a crash take it along nor does memory fill.
        """
        known = early_config.known_args_namespace
        if known.capture == "no":
            self._streams = None
        known.capture = "no"  # before pytest reads it: it starts to capture at once
        if hasattr(known, "cov_source"):
            known.cov_source, known.no_cov = [], True
        yield

    @hookimpl(hookwrapper=True)  # type: ignore[untyped-decorator]
    def pytest_cmdline_main(self, config: Any) -> Iterator[None]:
        """Switch off what the project may have switched on and cannot apply here."""
        for name, value in _NOT_WANTED.items():
            if hasattr(config.option, name):
                setattr(config.option, name, value)
        if getattr(config.option, "randomly_seed", None) in ("default", "last"):
            config.option.randomly_seed = self._run_seed % 2**32  # the same order in every process
        config.pluginmanager.register(self._keeps_nothing)
        yield

    @hookimpl(trylast=True)  # type: ignore[untyped-decorator]
    def pytest_configure(self, config: Any) -> None:
        """Keep out of the project's memory of what failed last, and know our marker where our plugin does not exist."""
        self._keeps_nothing.end()
        for name in _REMEMBERING:
            if (plugin := config.pluginmanager.getplugin(name)) is not None:
                with suppress(ValueError):  # it does not write anything
                    config.hook.pytest_sessionfinish._remove_plugin(plugin)
        if (capture := config.pluginmanager.getplugin("capturemanager")) is not None:
            in_phase = _CaptureInPhase(capture, self._streams)
            capture.item_capture = lambda when, item: in_phase
        config.addinivalue_line("markers", "stress(count=1000, max_rate=0, workers=None): see flakeproof")

    @hookimpl(hookwrapper=True)  # type: ignore[untyped-decorator]
    def pytest_collection(self) -> Iterator[None]:
        """Keep what pytest has to say about its arguments."""
        outcome: Any = yield
        error = outcome.excinfo
        if error is not None and issubclass(error[0], _pytest.UsageError):
            self.usage_error = "\n".join(str(argument) for argument in error[1].args)

    def pytest_collectreport(self, report: Any) -> None:
        """Keep what could not be collected."""
        if report.failed:
            self.errors.append(report)

    @hookimpl(tryfirst=True)  # type: ignore[untyped-decorator]
    def pytest_runtestloop(self, session: Any) -> bool:
        """Run the trials in place of pytest's own loop."""
        if session.testsfailed and not session.config.option.continue_on_collection_errors:
            return True
        if session.items:
            self.began = True
            self._silence(session.config)
            _collect_no_garbage_at_the_end(session.config)
            try:
                self._begin(session)
            except BaseException as error:
                end_at_once(error)  # pytest would keep it to itself
        return True

    # -- the trials

    @hookimpl(tryfirst=True)  # type: ignore[untyped-decorator]
    def pytest_runtest_protocol(self, item: Any, nextitem: Any) -> bool | None:
        """Run an item as pytest does, without telling those who only report; not where a plugin has its own way."""
        if not self._is_plain:
            return None
        for report in _runner.runtestprotocol(item, log=False, nextitem=nextitem):
            self.pytest_runtest_logreport(report)
        return True

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Keep what is not plain."""
        if report.outcome != "passed" or hasattr(report, "wasxfail"):
            self.ended.append(report)

    def pytest_exception_interact(self, call: Any, report: Any) -> None:
        """Describe an exception while it is there."""
        self._described[id(report)] = report, call.excinfo.value, describe(call.excinfo.value)

    def start_item(self) -> None:
        """Forget the item before."""
        if self.ended or self._described:
            self.ended.clear()
            self._described.clear()

    def described(self, report: Any) -> tuple[BaseException | None, dict[str, Any] | None]:
        """The exception behind a report, and its description."""
        _, error, found = self._described.get(id(report), (None, None, None))
        return error, found

    @hookimpl(hookwrapper=True)  # type: ignore[untyped-decorator]
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        """Keep temporary files of the session out of the folder of the trial that happens to need them first."""
        if fixturedef.scope != "session":
            yield
            return
        start = perf_counter_ns()
        with attribution.outside(), self.fixture_folders() if self.fixture_folders is not None else nullcontext():
            yield
        self.of_session[fixturedef.argname] = perf_counter_ns() - start

    def _silence(self, config: Any) -> None:
        """Take pytest's and plugins' ears away from what happens in a trial: they keep all of it, and write to a file.

        Nor do they tell at the end what they have kept: nobody reads it, and Hypothesis is imported just for that.

        Those of the project's own conftest files stay.
        """
        manager = config.pluginmanager
        own = [
            implementation.plugin
            for name in _REPORTING
            for implementation in _implementations(manager, name)
            if _is_conftest(implementation)
        ]
        for name in (*_REPORTING, "pytest_warning_recorded", "pytest_terminal_summary"):
            for implementation in _implementations(manager, name):
                if implementation.plugin is not self and not _is_conftest(implementation):
                    getattr(manager.hook, name)._remove_plugin(implementation.plugin)
        for name in ("pytest_runtest_protocol", "pytest_runtest_makereport"):
            for implementation in _implementations(manager, name):
                if implementation.function.__module__ in _RERUNNING:
                    getattr(manager.hook, name)._remove_plugin(implementation.plugin)
        ways = [
            implementation
            for implementation in _implementations(manager, "pytest_runtest_protocol")
            if not (implementation.hookwrapper or getattr(implementation, "wrapper", False))
        ]
        self._is_plain = not own and {way.plugin for way in ways} <= {self, _runner}


def _collect_no_garbage_at_the_end(config: Any) -> None:
    """Spare pytest up to five collections when it ends: nobody hears any more what comes of them."""
    key = getattr(sys.modules.get("_pytest.unraisableexception"), "gc_collect_iterations_key", None)
    if key is not None:
        config.stash[key] = 0


def _implementations(manager: Any, name: str) -> list[Any]:
    return list(getattr(manager.hook, name).get_hookimpls())


def _is_conftest(implementation: Any) -> bool:
    return re.search(r"(^|[/.])conftest(\.py)?$", implementation.plugin_name) is not None
