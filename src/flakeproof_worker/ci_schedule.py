"""A pytest plugin that runs tests as a CI job ran them (each worker's tests in its order) and reports how they ended.

It is copied beside the schedule, into a folder that is first on PYTHONPATH, and imports nothing of flakeproof. Two
variables name its files: it reads FLAKEPROOF_CI_SCHEDULE (`workers`: each worker's test ids in order; `until`: the test
after which the run may end), and each trial writes its events as lines of JSON to a file in the folder
FLAKEPROOF_CI_REPORT.
"""

import importlib
import json
import os
import platform
import re
from collections.abc import Iterator, Sequence
from typing import Any

_pytest: Any = importlib.import_module("pytest")  # the user's
_SCHEDULE = "FLAKEPROOF_CI_SCHEDULE"
_REPORT = "FLAKEPROOF_CI_REPORT"
_TRIAL = "FLAKEPROOF_TRIAL"
_ERROR_LINE = re.compile(r"^E +(\S.*)$", re.MULTILINE)
_LONGEST = 4000
MAIN = "main"


class Schedule:
    """A scheduler for pytest-xdist that sends each worker all of its own tests at once."""

    def __init__(self, orders: dict[str, list[str]], count: int) -> None:
        self._orders = orders
        self._count = count
        self._pending: dict[Any, list[int]] = {}
        self._collections: dict[Any, list[str]] = {}
        self._served: set[Any] = set()
        self._left: list[int] = []
        """Tests that a dead worker has not run; the worker that replaces it runs them."""

    @property
    def nodes(self) -> list[Any]:
        """The current workers."""
        return list(self._pending)

    @property
    def collection_is_completed(self) -> bool:
        """Whether all workers have collected."""
        return len(self._collections) >= self._count

    @property
    def tests_finished(self) -> bool:
        """Whether at most one test of each worker is left."""
        served = self.collection_is_completed and self._served >= set(self._pending)
        return served and not self._left and all(len(pending) < 2 for pending in self._pending.values())

    @property
    def has_pending(self) -> bool:
        """Whether a test has not ended yet."""
        return bool(self._left) or any(self._pending.values())

    def add_node(self, node: Any) -> None:
        """A worker has started."""
        self._pending[node] = []

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        """A worker has collected."""
        self._collections[node] = list(collection)

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        """A worker has run a test."""
        if item_index in self._pending[node]:
            self._pending[node].remove(item_index)

    def mark_test_pending(self, item: str) -> None:
        """Called by plugins that rerun a test; this scheduler does not rerun tests."""

    def remove_pending_tests_from_node(self, node: Any, indices: Sequence[int]) -> None:
        """A worker will not run these tests any more."""
        self._pending[node] = [index for index in self._pending[node] if index not in set(indices)]

    def remove_node(self, node: Any) -> str | None:
        """A worker has gone; return the test in which it died, None if it was idle."""
        pending = self._pending.pop(node)
        if not pending:
            return None
        self._left += pending[1:]
        return self._collections[node][pending[0]]

    def schedule(self) -> None:
        """Send each worker its tests."""
        for node in [one for one in self._pending if one not in self._served and one in self._collections]:
            self._served.add(node)
            places = {test: index for index, test in enumerate(self._collections[node])}
            own = self._orders.get(node.gateway.id)
            indices = self._left if own is None else [places[test] for test in own if test in places]
            if own is None:
                self._left = []
            self._pending[node] = list(indices)
            if indices:
                node.send_runtest_some(list(indices))
            node.shutdown()  # takes effect after the last test, which otherwise waits to learn which test is next


class SchedulePlugin:
    """The plugin's hooks."""

    def __init__(self, config: Any) -> None:
        self._config = config
        self._is_worker = hasattr(config, "workerinput")
        self._schedule: dict[str, Any] = {}
        if os.environ.get(_SCHEDULE):
            with open(os.environ[_SCHEDULE], encoding="utf-8") as file:  # noqa: PTH123 - pathlib may be patched
                self._schedule = json.load(file)
        folder = os.environ.get(_REPORT) if not self._is_worker else None
        name = f"{os.environ.get(_TRIAL) or os.getpid()}.jsonl"
        self._report = open(os.path.join(folder, name), "a", encoding="utf-8") if folder else None  # noqa: PTH118, PTH123, SIM115 - to the end
        self._session: Any = None

    def pytest_sessionstart(self, session: Any) -> None:
        """Keep the session, which may be ended early."""
        self._session = session

    @_pytest.hookimpl(hookwrapper=True, tryfirst=True)  # type: ignore[untyped-decorator]
    def pytest_collection_modifyitems(self, config: Any, items: list[Any]) -> Iterator[None]:
        """Without workers: put the tests in the job's order, after every other plugin has run."""
        yield
        order = self._schedule.get("workers", {}).get(MAIN)
        if order is None or self._is_worker:
            return
        known: dict[str, list[Any]] = {}
        for item in items:
            known.setdefault(item.nodeid, []).append(item)
        chosen = [known[test].pop(0) for test in order if known.get(test)]
        left = [item for rest in known.values() for item in rest]
        if left:
            config.hook.pytest_deselected(items=left)
        items[:] = chosen

    def pytest_collection_finish(self, session: Any) -> None:
        """Report the collected tests, the plugins that matter, and the version of Python."""
        plugins = [
            name for name in ("xdist", "randomly", "random_order", "rerunfailures", "timeout") if self._has(name)
        ]
        self._write(
            {
                "collected": [item.nodeid for item in session.items],
                "plugins": plugins,
                "python": platform.python_version(),
            }
        )

    def pytest_collectreport(self, report: Any) -> None:
        """Report what could not be collected."""
        if report.failed:
            self._write({"test": report.nodeid, "outcome": "failed", "phase": "collect", "message": _message(report)})

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Report which test begins: it may end the process."""
        self._write({"started": nodeid})

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Report how a phase of a test ended."""
        outcome = "failed" if report.outcome == "rerun" else report.outcome
        if outcome == "passed" and report.when != "call":
            if report.when == "teardown" and report.nodeid == self._schedule.get("until"):
                self._end()
            return
        phase = report.when if report.when in ("setup", "call", "teardown") else "crash"
        worker = getattr(getattr(report, "node", None), "gateway", None)
        event = {"test": report.nodeid, "outcome": outcome, "phase": phase, "worker": getattr(worker, "id", "")}
        self._write({**event, "message": _message(report)} if outcome == "failed" else event)
        if report.nodeid == self._schedule.get("until") and phase in ("teardown", "crash"):
            self._end()

    def pytest_sessionfinish(self, exitstatus: Any) -> None:
        """Report that pytest has finished by itself: no test has ended the process."""
        self._write({"ended": int(exitstatus)})

    @_pytest.hookimpl(optionalhook=True)  # type: ignore[untyped-decorator]
    def pytest_xdist_make_scheduler(self, config: Any, log: Any) -> Schedule | None:
        """The schedule of the job; None if the job had no workers or they are unknown."""
        workers = self._schedule.get("workers", {})
        if not workers or MAIN in workers:
            return None
        return Schedule(workers, len(config.getoption("tx") or ()) or config.getoption("numprocesses"))

    def _end(self) -> None:
        """Stop the run: the test in question has ended, and later tests cannot affect it."""
        why = "the test that failed in CI has run"
        if self._session is not None:
            self._session.shouldstop = why
        controller = self._config.pluginmanager.get_plugin("dsession")
        if controller is not None:
            controller.shouldstop = why

    def _has(self, name: str) -> bool:
        manager = self._config.pluginmanager
        if any(
            name in distribution.project_name.replace("-", "_") for _, distribution in manager.list_plugin_distinfo()
        ):
            return not manager.is_blocked(name)
        return False

    def _write(self, event: dict[str, Any]) -> None:
        if self._report is not None:
            self._report.write(json.dumps(event) + "\n")
            self._report.flush()


def _message(report: Any) -> str:
    """The exception's message; where pytest shows an error in another form, its first line marked with E."""
    shown = report.longrepr
    crash = getattr(shown, "reprcrash", None)
    text = getattr(crash, "message", "") or ""
    if not text:
        whole = str(shown)
        found = _ERROR_LINE.search(whole)
        text = found[1] if found is not None else whole
    return str(text)[:_LONGEST]


def pytest_configure(config: Any) -> None:
    """Register the plugin."""
    config.pluginmanager.register(SchedulePlugin(config), "flakeproof-ci-schedule")
