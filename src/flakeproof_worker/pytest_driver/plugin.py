"""The plugin through which pytest tells what it collects and how items end, and which leaves the running to us."""

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from typing import Any

from flakeproof_worker.failure import describe
from flakeproof_worker.pytest_driver.folder_on_path import leave_ours_alone
from flakeproof_worker.pytest_driver.item_report import reported_by
from flakeproof_worker.sanitize import attribution
from flakeproof_worker.shared.private import time
from flakeproof_worker.shared.process_exit import end_at_once

_pytest: Any = importlib.import_module("pytest")  # the user's, which need not be there when this package is checked
_runner: Any = importlib.import_module("_pytest.runner")
_reports: Any = importlib.import_module("_pytest.reports")
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
    "flake_finder_enable": False,
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
_REPEATING = {"reruns": "--reruns", "count": "--count", "flake_finder_enable": "--flake-finder"}
"""Options of plugins that run tests more often, which is told: somebody may wonder where the other runs are."""
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
        self.internal_error: BaseException | None = None
        """What has ended pytest before it ran anything, other than a usage error."""
        self.remarks: list[str] = []
        """What people are told of what is otherwise than they have configured it."""
        self.ended: list[Any] = []
        """Reports of the present item that say more than that a phase passed."""
        self._described: dict[int, tuple[Any, BaseException, dict[str, Any]]] = {}
        self.raised: BaseException | None = None
        """The latest exception of the item that runs."""
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
        leave_ours_alone(early_config)
        known = early_config.known_args_namespace
        if getattr(known, "capture", "no") == "no":  # there may be nothing that captures: `-p no:capture`
            self._streams = None
        known.capture = "no"  # before pytest reads it: it starts to capture at once
        if hasattr(known, "cov_source"):
            known.cov_source, known.no_cov = [], True
        yield

    @hookimpl(hookwrapper=True)  # type: ignore[untyped-decorator]
    def pytest_cmdline_main(self, config: Any) -> Iterator[None]:
        """Switch off what the project may have switched on and cannot apply here."""
        repeating = []
        for name, value in _NOT_WANTED.items():
            if hasattr(config.option, name):
                if name in _REPEATING and getattr(config.option, name) not in (value, None):
                    repeating.append(_REPEATING[name])
                setattr(config.option, name, value)
        if repeating:
            verb = "does" if len(repeating) == 1 else "do"
            self.remarks.append(f"{', '.join(repeating)} {verb} nothing here: flakeproof itself repeats the tests")
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

    def pytest_internalerror(self, excinfo: Any) -> None:
        """Keep what pytest only prints."""
        self.internal_error = excinfo.value

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

    @hookimpl(hookwrapper=True, tryfirst=True)  # type: ignore[untyped-decorator]
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Iterator[None]:
        """Make the report where pytest cannot, because the exception raises whenever it is asked anything."""
        if call.excinfo is None:
            yield
            return
        self.raised = call.excinfo.value
        outcome: Any = yield
        if outcome.excinfo is not None:
            outcome.force_result(_bare_report(item, call))

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Keep what is not plain."""
        if report.outcome != "passed" or hasattr(report, "wasxfail"):
            self.ended.append(report)

    def pytest_exception_interact(self, node: Any, call: Any, report: Any) -> None:
        """Describe an exception while it is there."""
        error = call.excinfo.value
        self._described[id(report)] = report, error, reported_by(node, error, report.longrepr, describe(error))

    def start_item(self) -> None:
        """Forget the item before."""
        self.raised = None
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
        start = time.perf_counter_ns()
        with attribution.outside(), self.fixture_folders() if self.fixture_folders is not None else nullcontext():
            yield
        self.of_session[fixturedef.argname] = time.perf_counter_ns() - start

    def _silence(self, config: Any) -> None:
        """Take pytest's and plugins' ears away from what happens in a trial: they keep all of it, and write to a file.

        Nor do they tell at the end what they have kept: nobody reads it, and Hypothesis is imported just for that.

        Those of the project's own conftest files stay, and what others have put around all that hear of a report:
        pyfakefs lets its patches pause meanwhile, and from there to the next test.
        """
        manager = config.pluginmanager
        own = [
            implementation.plugin
            for name in _REPORTING
            for implementation in _implementations(manager, name)
            if _is_conftest(implementation) or _surrounds(implementation)
        ]
        for name in (*_REPORTING, "pytest_warning_recorded", "pytest_terminal_summary"):
            for implementation in _implementations(manager, name):
                if not (implementation.plugin is self or _is_conftest(implementation) or _surrounds(implementation)):
                    getattr(manager.hook, name)._remove_plugin(implementation.plugin)
        for name in ("pytest_runtest_protocol", "pytest_runtest_makereport"):
            for implementation in _implementations(manager, name):
                if implementation.function.__module__ in _RERUNNING:
                    getattr(manager.hook, name)._remove_plugin(implementation.plugin)
        ways = [
            implementation
            for implementation in _implementations(manager, "pytest_runtest_protocol")
            if not _is_wrapper(implementation)
        ]
        self._is_plain = not own and {way.plugin for way in ways} <= {self, _runner}


def _collect_no_garbage_at_the_end(config: Any) -> None:
    """Spare pytest up to five collections when it ends: nobody hears any more what comes of them."""
    key = getattr(sys.modules.get("_pytest.unraisableexception"), "gc_collect_iterations_key", None)
    if key is not None:
        config.stash[key] = 0


def _implementations(manager: Any, name: str) -> list[Any]:
    return list(getattr(manager.hook, name).get_hookimpls())


def _is_wrapper(implementation: Any) -> bool:
    return bool(implementation.hookwrapper or getattr(implementation, "wrapper", False))


def _surrounds(implementation: Any) -> bool:
    """Whether it is around what others do, and not one of pytest's own."""
    return _is_wrapper(implementation) and not str(implementation.function.__module__).startswith("_pytest.")


def _is_conftest(implementation: Any) -> bool:
    return re.search(r"(^|[/.])conftest(\.py)?$", implementation.plugin_name) is not None


def _bare_report(item: Any, call: Any) -> Any:
    """A report without a word of pytest's; the exception is described by us (`described`)."""
    text = "pytest cannot show this exception"
    return _reports.TestReport(item.nodeid, item.location, {}, "failed", text, call.when)
