"""What pytest has collected, run as one trial: a pass over the items, in order, by pytest's own protocol."""

import importlib
import pathlib
import random
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flakeproof_worker.environment import RUN
from flakeproof_worker.failure import describe, message_of, qualified_name
from flakeproof_worker.generators import GENERATORS, GlobalRandom, start_of
from flakeproof_worker.outcome import ending_of
from flakeproof_worker.pytest_driver.fixtures import owner_of, renewal_of
from flakeproof_worker.pytest_driver.plugin import Plugin
from flakeproof_worker.sanitize import attribution
from flakeproof_worker.sanitize.sighting import LeakedError
from flakeproof_worker.shared import slots
from flakeproof_worker.shared.output import Output
from flakeproof_worker.shared.private import copy_of, os, time
from flakeproof_worker.system import folders
from flakeproof_worker.system.folders import shared_folders

if TYPE_CHECKING:
    from flakeproof_worker.pytest_driver.order import Ordered
    from flakeproof_worker.sanitize.watch import TrialWatch
    from flakeproof_worker.system.private_files import PrivateFiles

_pytest: Any = importlib.import_module("pytest")
_Random = random.Random
_paths = copy_of(pathlib)
_LEAVING = (KeyboardInterrupt, _pytest.exit.Exception)
_SECTION_LIMIT = 8_000
_REASON_LIMIT = 500
_LONG_SESSION = 10_000_000
"""Nanoseconds that fixtures of the session may take in a pass without anybody asking for them."""


class _NextTrial(_pytest.Item):  # type: ignore[misc]  # the base is the user's pytest's
    """What comes after the last item: it needs the session, and nothing below it."""

    def runtest(self) -> None:
        """Never called."""


class Selection:
    """The items of this process."""

    def __init__(
        self,
        session: Any,
        plugin: Plugin,
        target: dict[str, Any],
        items: list[Any],
        hooks: Any,
        *,
        seeded: Collection[str],
        remarks: Sequence[str] = (),
    ) -> None:
        """`hooks` are those of pytest that run `items`.

        `seeded` are the modules whose global generators the tests have seeded themselves at import: they keep that.
        `remarks` are what people are told of how all this was collected.
        """
        self.session = session
        self._hooks = hooks
        self.target = target
        self.plugin = plugin
        self._shuffle: bool = target["shuffle"]
        self._private_home: bool = target["private_home"]
        self._reverse = False
        self.seeds = [name for name in GENERATORS if name not in seeded]
        """Modules whose global generators are seeded for each trial."""
        self._start_of: Callable[[int], int] | None = None
        self._generators = GlobalRandom(self.seeds)
        self._folder = os.getcwd()
        self._items = items
        self.ids = _distinct([item.nodeid for item in self._items])
        self._renew = {item: renewal_of(item) for item in self._items}
        self._id_of = dict(zip(self._items, self.ids, strict=True))
        self._index_of = {item: index for index, item in enumerate(self._items)}
        self._left_out: set[str] = set()
        self._after: Any = None
        self._used, self._base = "", _paths.Path()
        self._factory = getattr(session.config, "_tmp_path_factory", None)
        self._left: BaseException | None = None
        """What has made an item leave pytest altogether."""
        self.watch: TrialWatch | None = None
        """The sanitizers, if there are any."""
        self.remarks = list(remarks)
        self.files: PrivateFiles | None = None
        """The folders that this process has to itself, if it has any."""
        self.spoiled = ""
        """Why nothing more can be run in this process; "" if it can."""

    def perturb(self, asked: Mapping[str, Any]) -> None:
        """Take over what was `asked` for of the order of a pass and of seeds."""
        self._reverse = bool(asked.get("reverse"))
        if wanted := asked.get("random_seed"):
            self._start_of, self.seeds = start_of(wanted), list(GENERATORS)
            self._generators = GlobalRandom(self.seeds, self._start_of)

    def leave_out(self, ids: Collection[str]) -> None:
        """Do not run these any more."""
        self._left_out.update(ids)

    @property
    def is_used_up(self) -> bool:
        """Whether nothing of it is run any more."""
        return self._left_out.issuperset(self.ids)

    def shared_folders(self) -> list[str]:
        """Where tests leave files that other processes see: the project, the home folder, temporary files."""
        return shared_folders(self._folder, str(self.session.config.rootpath))

    def tell_slot(self, slot: int, told: Mapping[str, int]) -> None:
        """Let fixtures know in which of the places a trial runs."""
        slots.tell_pytest(self.session.config, slot, told, os.environ.get(RUN, ""))

    def keep_session(self, folder: str) -> None:
        """From trial to trial keep the fixtures of the session, which may put temporary files into `folder`."""

        self._after = _NextTrial.from_parent(self.session, name="next trial")

        @contextmanager
        def swapped() -> Iterator[None]:
            with folders.used(folder), self._base_folder(None, _paths.Path(folder)):
                yield

        self.plugin.fixture_folders = swapped

    def set_up_session(self, folder: str) -> None:
        """Set up the fixtures of the session here, and keep them in forks."""
        from flakeproof_worker.pytest_driver.fixtures import set_up

        self.keep_session(folder)
        set_up(self.session, self._items, self._after, type(self._after).from_parent(self.session, name="first"))
        self._restore()

    def run(
        self,
        trial: int,
        seed: int,
        folder: str,
        output: Output,
        show: Callable[[int], None],
        leave: Callable[[], None],
        order: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """One pass; what came out, as it is reported to the coordinator.

        `folder` is for temporary files, `show` is told the index of each item before it runs, `leave` ends a copy of
        this process that an item has made and that came back from it. With an `order` only what it names runs.
        """
        generators_start = self._seed_generators(seed)
        self._enter(folder)
        option = self.session.config.option
        if isinstance(getattr(option, "randomly_seed", None), int):
            option.randomly_seed = generators_start
            _forget_random_states()
        if self.watch is not None:
            self.watch.begin(trial)
        ordered = self._ordered(order) if order is not None else None
        chosen = ordered.items if ordered is not None else self._chosen(seed)
        unlike: dict[str, str] = dict.fromkeys(self._left_out, "left out")
        failures: list[dict[str, Any]] = []
        reasons: list[str] = []
        self.plugin.of_session = {}
        start = time.perf_counter_ns()
        if self._used != folder:
            self._used, self._base = folder, _paths.Path(folder, "pytest")
        with self._base_folder(self._base, None):
            for position, item in enumerate(chosen):
                following = chosen[position + 1] if position + 1 < len(chosen) else self._after
                if following is item:  # pytest would keep what it has set up for it
                    following = _NextTrial.from_parent(self.session, name="again")
                show(self._index_of[item])
                if ordered is not None:
                    ordered.before(position)
                self._run_item(item, following, leave)
                if self.plugin.ended or self._left is not None:
                    self._judge(item, output, unlike, failures, reasons)
                output.discard()  # here, so that one that has closed descriptors of ours is still the one in hand
                if self.spoiled:
                    break
        elapsed = time.perf_counter_ns() - start
        leaked = self._end_watch(trial, failures)
        self._restore()
        verdict: dict[str, Any] = {"ns": elapsed, "outcome": "passed", "items": unlike}
        if sum(self.plugin.of_session.values()) > _LONG_SESSION:
            verdict["session"] = self.plugin.of_session
        if ordered is not None:
            verdict["found"] = ordered.found()
        if failures:
            first, *further = failures
            verdict |= {"outcome": "failed", **first, "further": further}
            verdict["cut_short"] = bool(self.spoiled) and len(chosen) > 1
        elif self.spoiled:
            verdict |= {"outcome": "lost", "reason": self.spoiled}
        elif reasons and all(unlike.get(self._id_of[item]) == "skipped" for item in chosen):
            verdict |= {"outcome": "skipped", "reason": reasons[0]}
        elif leaked is not None:
            verdict |= ending_of(leaked)
        return verdict

    def _seed_generators(self, seed: int) -> int:
        """Seed the global generators for the trial with this seed; what they start from."""
        self._generators.seed(seed)
        return seed if self._start_of is None else self._start_of(seed)

    def _ordered(self, order: dict[str, Any]) -> "Ordered":
        from flakeproof_worker.pytest_driver.order import Ordered

        return Ordered(self.session.config, self._items, self.ids, order, self.files)

    def _end_watch(self, trial: int, failures: list[dict[str, Any]]) -> LeakedError | None:
        """Have the sanitizers see the end of a pass, and tell what it leaked."""
        if self.watch is None:
            return None
        attribution.ITEM[0] = ""
        numbers = {failure["failure"].get("errno", "") for failure in failures}
        return self.watch.end_pass(trial, numbers, failed=bool(failures))

    def _chosen(self, seed: int) -> list[Any]:
        if not self._left_out and not self._shuffle and not self._reverse:
            return self._items
        chosen = [item for item in self._items if self._id_of[item] not in self._left_out]
        if self._shuffle:
            _Random(seed).shuffle(chosen)
        if self._reverse:
            chosen.reverse()
        return chosen

    def _run_item(self, item: Any, following: Any, leave: Callable[[], None]) -> None:
        self._renew[item]()
        if self.watch is not None:
            attribution.ITEM[0] = self._id_of[item]
        plugin = self.plugin
        plugin.start_item()
        session = self.session
        session.shouldstop = session.shouldfail = False
        try:
            self._hooks.pytest_runtest_protocol(item=item, nextitem=following)
        except _LEAVING as error:
            leave()
            what = "pytest.exit" if not isinstance(error, KeyboardInterrupt) else "KeyboardInterrupt"
            self.spoiled = f"a test has ended pytest itself: {what}"
            self._left = error
        except BaseException as error:
            leave()
            self.spoiled = f"pytest itself failed: {qualified_name(type(error))}: {message_of(error)}"[:_REASON_LIMIT]
            if plugin.raised is not None and not plugin.ended:
                self._left = plugin.raised  # the test has failed, with an exception that pytest cannot take
        else:
            leave()

    def _judge(
        self,
        item: Any,
        output: Output,
        unlike: dict[str, str],
        failures: list[dict[str, Any]],
        reasons: list[str],
    ) -> None:
        """Note how the item has ended that just ran."""
        plugin, item_id = self.plugin, self._id_of[item]
        written: str | None = None

        def add(name: str, phase: str, failure: dict[str, Any], more: str) -> None:
            nonlocal written
            if written is None:
                written = output.take()
            unlike[name] = "failed"
            failures.append({"item": name, "phase": phase, "failure": failure, "output": written + more})

        for report in plugin.ended:
            if report.outcome in ("failed", "rerun"):
                error, failure = plugin.described(report)
                owner = owner_of(item, error) if report.when == "teardown" and error is not None else ""
                name = f"{owner} (teardown)" if owner else item_id
                failure = failure or {"type": "", "message": str(report.longrepr)[:_SECTION_LIMIT], "frames": []}
                add(name, report.when, _placed(failure, item), _sections(report))
            elif item_id not in unlike:
                if hasattr(report, "wasxfail"):
                    unlike[item_id] = "xpassed" if report.outcome == "passed" else "xfailed"
                else:
                    unlike[item_id] = "skipped"
                    reasons.append(_reason(report))
        if self._left is not None:
            add(item_id, "call", describe(self._left), "")
            self._left = None
        plugin.start_item()

    def _enter(self, folder: str) -> None:
        folders.use(folder)
        if self._private_home:
            folders.apply(folders.private_home(folder))

    def _restore(self) -> None:
        """Go back to the working directory of the run."""
        try:
            changed = os.getcwd() != self._folder
        except OSError:  # it is gone
            changed = True
        if changed:
            os.chdir(self._folder)

    @contextmanager
    def _base_folder(self, wanted: Any, there: Any) -> Iterator[None]:
        """Let `tmp_path` and its like make their folders in `wanted`, which pytest makes, or in what is `there`."""
        factory = self._factory
        if factory is None:
            yield
            return
        before = factory._given_basetemp, factory._basetemp
        factory._given_basetemp, factory._basetemp = wanted, there
        try:
            yield
        finally:
            factory._given_basetemp, factory._basetemp = before


def _forget_random_states() -> None:
    """Versions of pytest-randomly before 4 keep the state of `random` for every seed there has been."""
    module = sys.modules.get("pytest_randomly")
    for name in ("random_states", "np_random_states", "numpy_random_states"):
        states = getattr(module, name, None)
        if isinstance(states, dict):
            states.clear()


def _distinct(ids: list[str]) -> list[str]:
    """`ids`, with a number behind those that pytest has collected more than once."""
    seen: dict[str, int] = {}
    found: list[str] = []
    for name in ids:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def _placed(failure: dict[str, Any], item: Any) -> dict[str, Any]:
    """`failure` with the place of the test if it has none: a strict xfail that passed has raised nothing."""
    _, line, name = item.location
    if failure["frames"] or line is None:
        return failure
    return {**failure, "frames": [(str(item.path), line + 1, name)]}


def _reason(report: Any) -> str:
    longrepr = report.longrepr
    text = longrepr[2] if isinstance(longrepr, tuple) and len(longrepr) == 3 else str(longrepr)
    return str(text).removeprefix("Skipped: ")[:_REASON_LIMIT]


def _sections(report: Any) -> str:
    """What pytest has kept beside stdout and stderr: log messages, above all."""
    parts = [f"{name}\n{text[-_SECTION_LIMIT:]}" for name, text in report.sections if "stdout" not in name]
    return "".join(f"\n--- {part}" for part in parts)
