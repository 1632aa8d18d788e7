"""The plugin through which pytest tells what it collects and how items end, and which leaves the running to us."""

import importlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from flakeproof_worker.ending import end_at_once
from flakeproof_worker.failure import describe

_pytest: Any = importlib.import_module("pytest")  # the user's, which need not be there when this package is checked
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
    # What a trial writes goes to a file of ours, so that a crash does not take it along and no memory fills.
    "capture": "no",
    # Reports of pytest's own, which would be about something else than what the user had asked for.
    "xmlpath": None,
    "durations": None,
}
_REPORTING = ("pytest_runtest_logstart", "pytest_runtest_logreport", "pytest_runtest_logfinish")
_REMEMBERING = ("lfplugin", "nfplugin", "stepwiseplugin")
"""Plugins that keep in the project which tests have failed."""


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
        self.fixture_folders: Callable[[], Any] | None = None
        """Where fixtures of the session keep their temporary files; None for where the trial does."""

    # -- the start

    @hookimpl(hookwrapper=True)  # type: ignore[untyped-decorator]
    def pytest_load_initial_conftests(self, early_config: Any) -> Iterator[None]:
        """Measure no coverage: it slows trials down and leaves files."""
        known = early_config.known_args_namespace
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
        yield

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
            _silence(session.config, self)
            try:
                self._begin(session)
            except BaseException as error:
                end_at_once(error)  # pytest would keep it to itself
        return True

    # -- the trials

    @hookimpl(hookwrapper=True)  # type: ignore[untyped-decorator]
    def pytest_runtest_makereport(self, call: Any) -> Iterator[None]:
        """Look at the exception while it is there."""
        outcome: Any = yield
        if call.excinfo is not None and outcome.excinfo is None:
            report, error = outcome.get_result(), call.excinfo.value
            if report.outcome != "skipped":
                # Not every plugin has a report logged as soon as it is made.
                self._described[id(report)] = report, error, describe(error)

    @hookimpl(tryfirst=True)  # type: ignore[untyped-decorator]
    def pytest_runtest_logreport(self, report: Any) -> None:
        """Keep what is not plain."""
        if report.outcome != "passed" or hasattr(report, "wasxfail"):
            self.ended.append(report)

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
        if self.fixture_folders is None or fixturedef.scope != "session":
            yield
            return
        with self.fixture_folders():
            yield


def _silence(config: Any, ours: Plugin) -> None:
    """Take pytest's and plugins' ears away from what happens in a trial: they keep all of it, and write to a file.

    Those of the project's own conftest files stay.
    """
    manager = config.pluginmanager
    for name in (*_REPORTING, "pytest_warning_recorded"):
        caller = getattr(manager.hook, name)
        for implementation in list(caller.get_hookimpls()):
            plugin = implementation.plugin
            if plugin is not ours and not re.search(r"(^|[/.])conftest(\.py)?$", implementation.plugin_name):
                caller._remove_plugin(plugin)
    for name in _REMEMBERING:
        if (plugin := manager.getplugin(name)) is not None:
            manager.unregister(plugin)
