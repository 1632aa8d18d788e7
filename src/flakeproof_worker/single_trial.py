"""One trial in a process that ends with it: a fork, or a new interpreter; its verdict is written to a file.

If there are several items, the file has a line with the index of each item, written before that runs. The last line is
the verdict.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from flakeproof_worker.loaded_target import Loaded
from flakeproof_worker.outcome import check_result, ending_of
from flakeproof_worker.shared.output import Output
from flakeproof_worker.shared.private import json, os, time
from flakeproof_worker.shared.user_code import folders_of

if TYPE_CHECKING:
    from flakeproof_worker.footprint import Footprint

_encode = json.JSONEncoder(ensure_ascii=False).encode
Leave = Callable[..., None]
"""Ends a fork of this process that returned from the target, or left it by the exception that is passed."""


@dataclass
class Once:
    """A trial, and what it needs to run."""

    trial: int
    seed: int
    folder: str
    """The folder for the trial's temporary files; "" if it has none."""
    verdict: int
    """Descriptor of the file for the verdict."""
    output: Output
    target: Mapping[str, Any]
    """The coordinator's description of the target; it also says what to record of the trial."""
    order: dict[str, Any] | None = None
    """Which items run in the trial, and what to find out meanwhile (`pytest_driver.order`); None for all items."""
    footprint: "Footprint | None" = None
    """Observes what copies of the trial would collide over; None if that is not wanted."""

    def run(self, loaded: Loaded, leave: Leave) -> None:
        """Run the trial and write its verdict."""
        outcome = self._outcome(loaded)
        if folder := self.target.get("watched"):
            from flakeproof_worker.call_recorder import Witness

            with Witness(folder, self.trial):
                verdict = outcome(leave)
        elif trace := self.target.get("trace"):
            from flakeproof_worker.recording.start import recorder

            with recorder(trace, folders_of(self.target), self.trial):
                verdict = outcome(leave)
        else:
            verdict = outcome(leave)
        if loaded.watch is not None:
            verdict |= {"seen": loaded.watch.tally.take(), "sights": loaded.watch.sights_of(self.trial)}
        if self.footprint is not None:
            verdict["used"] = self.footprint.as_data()
        self.write(verdict)

    def _outcome(self, loaded: Loaded) -> Callable[[Leave], dict[str, Any]]:
        """A function that runs the trial and returns its verdict."""
        selection = loaded.selection
        if selection is None:
            return partial(_call, loaded)
        several = len(selection.ids) > 1
        show = self._show if several else lambda index: None
        return partial(selection.run, self.trial, self.seed, self.folder, self.output, show, order=self.order)

    def write(self, verdict: dict[str, Any]) -> None:
        """Write the verdict to its file."""
        os.write(self.verdict, _encode(verdict).encode(errors="replace"))

    def lose(self, why: str) -> None:
        """Write a verdict that the trial could not be run, and `why`."""
        self.write({"ns": 0, "outcome": "lost", "reason": why})

    def _show(self, index: int) -> None:
        os.write(self.verdict, b"%d\n" % index)


def _call(loaded: Loaded, leave: Leave) -> dict[str, Any]:
    start = time.perf_counter_ns()
    try:
        if loaded.is_async:
            import asyncio  # here, so that only programs that use it pay for the import

            with asyncio.Runner(loop_factory=loaded.new_loop) as runner:
                runner.run(loaded.function())
        else:
            check_result(loaded.function())
    except BaseException as error:
        elapsed = time.perf_counter_ns() - start
        leave(error)
        return {"ns": elapsed, **ending_of(error)}
    elapsed = time.perf_counter_ns() - start
    leave()
    return {"ns": elapsed, "outcome": "passed"}


def read_verdict(descriptor: int) -> tuple[dict[str, Any] | None, int | None]:
    """The verdict, None if none was written; and the index of the item that ran last, if it is known."""
    lines = os.pread(descriptor, os.fstat(descriptor).st_size, 0).split(b"\n")
    shown = [line for line in lines[:-1] if line.isdigit()]
    index = int(shown[-1]) if shown else None
    try:
        verdict = json.loads(lines[-1])
    except ValueError:
        verdict = None
    return (verdict if isinstance(verdict, dict) else None), index
