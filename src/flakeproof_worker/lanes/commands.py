"""Each trial is a program of its own, several at once: its exit status is the verdict."""

import mmap
import os
import re
import signal
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter_ns

from flakeproof_worker.environment import RUN, SEED, TRIAL
from flakeproof_worker.lanes.children import Child, Children
from flakeproof_worker.lanes.results import WrittenFiles, filled
from flakeproof_worker.lanes.spawn import few_descriptors, spawn, spawn_prepared
from flakeproof_worker.perturb.applied import clock_for, variables_for
from flakeproof_worker.perturb.confinement import Handing, have_private_network
from flakeproof_worker.shared import slots
from flakeproof_worker.shared.output import Output
from flakeproof_worker.system import folders, process_tree
from flakeproof_worker.trial_context import Duty

_HASH_SEED = "PYTHONHASHSEED"
_LARGEST_OUTPUT = 64 << 20
"""Bytes of output at which a trial's output is discarded, so that a program that never stops writing fills no disk."""
_READ = 1 << 20
"""Bytes of output in which the coordinator looks for failed tests."""
_GO_RACE = re.compile(rb"^WARNING: DATA RACE\n[A-Z][a-z ]+ at 0x[0-9a-f]+ by ", re.MULTILINE)
_PATIENCE_NANOSECONDS = 20_000_000
"""How long an environment that reads as empty is read again."""


def run(duty: Duty) -> None:
    """Run trials until there are no more."""
    _Commands(duty).run()


class _Commands(Children):
    needs_folder = True
    longest_wait = 1.0

    def __init__(self, duty: Duty) -> None:
        super().__init__(duty)
        target = duty.target
        self._program: str = target["program"]
        self._argv: list[str] = target["argv"]
        self._environment = {**os.environ, **target["environment"]}
        self._given = list(target["environment"])
        self._perturbed = variables_for(duty.perturbations, target)
        self._clock = clock_for(duty.perturbations, self._environment)
        self._prepared = self._preparations()
        self._skip_code: int | None = target["skip_code"]
        self._failure = _pattern(target["failure"])
        self._ignore = _pattern(target["ignore"])
        self._results: WrittenFiles | None = None
        if target["results"] is not None:
            self._results = WrittenFiles(target["results"])
        # Processes that a trial detaches become children of this process, so that they are found when the trial ends.
        self._adopts = process_tree.adopt_orphans(True)
        # A flakeproof inside a trial numbers its own trials; their environment names another run.
        self._run = f"{RUN}={os.environ.get(RUN, '')}".encode()
        self._nameless: set[int] = set()
        """Adopted processes without an environment: their trial is unknown, so the end of the run ends them."""

    def start(self, lane: int, trial: int, seed: int, folder: str) -> int:
        shown = {"{trial}": str(trial), "{seed}": str(seed)}
        given = self._environment
        if self._results is not None:
            shown["{folder}"] = folder
            self._results.expect(trial, filled(self._results.pattern, shown))
            given = {**given, **{name: filled(given[name], shown) for name in self._given}}
        argv = [filled(part, shown) for part in self._argv]
        own = {TRIAL: str(trial), SEED: str(seed), folders.VARIABLE: folder}
        own |= slots.variables(lane, self.duty.slots)
        environment = {_HASH_SEED: str(seed), **given, **self._perturbed(seed), **own}
        if self._clock is not None:
            environment |= self._clock.variables(lane, seed)
        prepared = self._prepared
        if self.taps is not None or self.relays is not None:
            handing = Handing(trial, seed, *self.receivers(lane))
            prepared = [lambda: have_private_network(self.duty.perturbations, handing=handing), *prepared]
        if prepared:
            pid = spawn_prepared(prepared, self._program, argv, environment, self.outputs[lane])
        else:
            pid = spawn(self._program, argv, environment, self.outputs[lane])
        self.settle(pid)
        return pid

    def _preparations(self) -> list[Callable[[], None]]:
        """The functions that the process of a trial calls before it executes the program."""
        asked = self.duty.perturbations
        steps: list[Callable[[], None]] = []
        if self.duty.leases.private_network and self.taps is None and self.relays is None:
            steps.append(lambda: have_private_network(asked))
        if (room := asked.get("max_fds")) is not None:
            steps.append(few_descriptors(room))
        return steps

    def clear_up(self, child: Child) -> None:
        if self._adopts:
            self._end_what_was_cut_loose(child)
        if self._results is not None:  # before the folder of the trial goes
            child.running = {**child.running, "reports": self._results.read(child.trial)}

    def report(self, lane: int, child: Child, status: int, elapsed: int) -> None:
        reporter, output = self.duty.reporter, Output(self.outputs[lane])
        code = os.waitstatus_to_exitcode(status)
        if code == 0 and not self._has_race(self.outputs[lane]):
            if self._results is not None and elapsed <= self.duty.limit_ns:
                reporter.ended(child.trial, elapsed, outcome="passed", **self.written(lane), **child.running)
            elif elapsed <= self.duty.limit_ns:
                reporter.passed.append(elapsed)
                reporter.numbers.append(child.trial)
                output.discard()
            else:
                self.duty.report_late(child.trial, elapsed, output.take())
        elif code == self._skip_code:
            output.discard()
            reporter.ended(child.trial, elapsed, outcome="skipped", reason=f"exit status {code}")
        elif why := self._does_not_count(self.outputs[lane]):
            output.discard()
            reporter.ended(child.trial, elapsed, outcome="skipped", reason=why)
        else:
            reporter.ended(
                child.trial,
                elapsed,
                outcome="failed" if code >= 0 else "crashed",
                exit_code=code if code >= 0 else None,
                signal=-code if code < 0 else None,
                **self.written(lane),
                **child.running,
            )

    def written(self, lane: int) -> dict[str, str]:
        longer = Output(self.outputs[lane]).longer(_READ)
        return {**super().written(lane), **({"longer": longer} if longer else {})}

    def deserted(self) -> None:
        while children := _children():  # once they are gone, this process adopts their children
            for pid in children:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        if self._clock is not None:
            self._clock.clear_up()
        os._exit(1)

    def look(self) -> None:
        for lane in self.running:
            if os.fstat(self.outputs[lane]).st_size > _LARGEST_OUTPUT:
                os.ftruncate(self.outputs[lane], 0)
                os.write(self.outputs[lane], f"… {_LARGEST_OUTPUT >> 20} MiB of output thrown away …\n".encode())

    def _has_race(self, output: int) -> bool:
        """Whether Go's race detector reported a race although the program ended with status 0 (a setting of GORACE)."""
        return bool(os.fstat(output).st_size) and _found(_GO_RACE, output)

    def _does_not_count(self, output: int) -> str:
        """Why a failed trial does not count as a failure; "" if it does."""
        if self._failure and not _found(self._failure, output):
            return f"failed without a match for --failure {self.duty.target['failure']}"
        if self._ignore and _found(self._ignore, output):
            return f"failed with a match for --ignore {self.duty.target['ignore']}"
        return ""

    def _end_what_was_cut_loose(self, ended: Child) -> None:
        """Kill the processes that an ended trial has detached from its group, by setsid or a double fork."""
        known = {child.pid for child in self.running.values()}
        mark = f"{TRIAL}={ended.trial}".encode()
        found = True
        while found:  # by then, this process has adopted the children of the processes that it killed
            found = False
            for pid in _children():
                if pid in known:
                    continue
                if os.getpgid(pid) == ended.pid:  # already killed with its group
                    os.waitpid(pid, 0)
                    found = True
                elif os.waitpid(pid, os.WNOHANG)[0]:
                    found = True
                    self._nameless.discard(pid)
                elif pid not in self._nameless:
                    environment = _environment_of(pid)
                    if mark in environment and self._run in environment:
                        os.kill(pid, signal.SIGKILL)  # not reaped yet, so the number is still its own
                        os.waitpid(pid, 0)
                        found = True
                    elif environment == [b""]:
                        self._nameless.add(pid)


def _pattern(text: str | None) -> re.Pattern[bytes] | None:
    return re.compile(text.encode(), re.MULTILINE) if text else None


def _found(pattern: re.Pattern[bytes], descriptor: int) -> bool:
    """Whether the file behind `descriptor` has a match; the file may be of any length."""
    size = os.fstat(descriptor).st_size
    if not size:
        return pattern.search(b"") is not None
    with mmap.mmap(descriptor, size, access=mmap.ACCESS_READ) as text:
        return pattern.search(text) is not None


def _children() -> list[int]:
    """Process ids of this process's children."""
    me = os.getpid()
    return [int(pid) for pid in _read(f"/proc/{me}/task/{me}/children").split()]


def _environment_of(pid: int) -> list[bytes]:
    limit = perf_counter_ns() + _PATIENCE_NANOSECONDS
    while not (text := _read(f"/proc/{pid}/environ")) and perf_counter_ns() < limit:
        os.sched_yield()  # the file is empty while the process is in execve
    return text.split(b"\0")


def _read(path: str) -> bytes:
    with suppress(OSError), open(path, "rb") as file:  # noqa: PTH123 - pathlib is not imported here
        return file.read()
    return b""
