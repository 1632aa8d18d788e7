"""Each trial runs in a fork of this warm process, several at once: what a trial leaves behind dies with it."""

import gc
import os
import sys
from socket import socket
from typing import Any

from flakeproof_worker.current import RUNNING
from flakeproof_worker.environment import SEED, TRIAL
from flakeproof_worker.generators import randomness_for
from flakeproof_worker.lanes.reported_children import Judged
from flakeproof_worker.shared import slots
from flakeproof_worker.shared.output import Output
from flakeproof_worker.shared.process_exit import end_at_once
from flakeproof_worker.single_trial import Once
from flakeproof_worker.system import folders, process_tree
from flakeproof_worker.trial_context import Duty


def run(duty: Duty) -> None:
    """Run trials until there are no more.

    A fork runs its trial here, and not where it was forked, so that a test's stack is hardly deeper than under plain
    pytest: some tests count frames or come close to the recursion limit.
    """
    forks = _Forks(duty)
    forks.run()
    if forks.once is None:
        return
    try:
        forks.once.run(duty.loaded, duty.leave_if_unwanted)
    except BaseException as error:
        end_at_once(error)
    os._exit(0)


class _Forks(Judged):
    def __init__(self, duty: Duty) -> None:
        super().__init__(duty)
        selection = duty.loaded.selection
        self.needs_folder = selection is not None or bool(duty.rooms)
        self._randomness = randomness_for(duty.perturbations) if selection is None else None
        self.once: Once | None = None
        """In a forked child: its trial."""
        self._forked = 0
        self._is_warm = False
        self.repeats_session = selection is not None
        if selection is not None and duty.target["session_fixtures"] == "once":
            folder = f"{duty.temporary}/{os.getpid()}"
            os.mkdir(folder, 0o700)  # noqa: PTH102 - there is no pathlib here
            self._warm_up()  # first: the warm-up ends the session
            selection.set_up_session(folder)
        # Python reseeds `random` in a forked child: a seed that was set at import would be lost.
        keeps_random = selection is not None and "random" not in selection.seeds
        self._random_state: Any = sys.modules["random"].getstate() if keeps_random else None

    def start(self, lane: int, trial: int, seed: int, folder: str) -> int:
        os.ftruncate(self.verdicts[lane], 0)
        self._forked += 1
        if self._forked == 2:
            self._warm_up()  # not before the first trial, which would have to wait
        parent = os.getpid()
        order = self.duty.leases.orders.pop(trial, None)
        pid = os.fork()
        if pid == 0:
            self.in_child = True
            self.once = self._be_child(lane, trial, seed, folder, parent, order)
        return pid

    def _warm_up(self) -> None:
        selection = self.duty.loaded.selection
        if selection is not None and not self._is_warm:
            self._is_warm = True
            from flakeproof_worker.pytest_driver.warmup import warm_up

            warm_up(selection)
            gc.collect()

    def _be_child(
        self, lane: int, trial: int, seed: int, folder: str, parent: int, order: dict[str, Any] | None
    ) -> Once:
        """Prepare this forked child for its trial."""
        duty = self.duty
        try:
            os.setsid()
            process_tree.die_with(parent)
            self.settle()
            verdict = self._keep_own(lane)
            duty.watch_forks()
            if duty.loaded.watch is not None:
                duty.loaded.watch.take_over()
            for stream in (1, 2, duty.stacks_descriptor):
                os.dup2(self.outputs[lane], stream)
            RUNNING.set((trial, seed))
            os.environ[TRIAL] = str(trial)
            os.environ[SEED] = str(seed)
            if duty.slots:
                os.environ.update(slots.variables(lane, duty.slots))
                if duty.loaded.selection is not None:
                    duty.loaded.selection.tell_slot(lane, duty.slots)
            if self._randomness is not None:
                self._randomness.seed(seed)
            elif self._random_state is not None:
                sys.modules["random"].setstate(self._random_state)
            if duty.reseed is not None:
                duty.reseed(seed)
            if folder and duty.loaded.selection is None:
                folders.use(folder)
            output = Output(self.outputs[lane])
            once = Once(trial, seed, folder, verdict, output, duty.target, order)
            if duty.leases.private_network and not _has_private_network(duty, once, *self.receivers(lane)):
                os._exit(0)
            if self.taps is not None:
                self.taps.disown()
            if self.relays is not None:
                self.relays.disown()
            if order is not None and order.get("private") and not _has_private_files(duty, once):
                os._exit(0)
            if trial == duty.leases.scout:
                from flakeproof_worker.footprint import Footprint

                once.footprint = Footprint([folder])
        except BaseException as error:
            end_at_once(error)
        return once

    def _keep_own(self, lane: int) -> int:
        """In a child: close the descriptors of the parent and of other children; return the verdict's descriptor."""
        self.selector.close()
        self.duty.channel.close()
        if self.freezer is not None:
            self.freezer.disown()
        for child in self.running.values():
            os.close(child.pidfd)
        for other in range(self.duty.lanes):
            if other != lane:
                os.close(self.verdicts[other])
                os.close(self.outputs[other])
        return self.verdicts[lane]


def _has_private_network(duty: Duty, once: Once, watcher: socket | None, relay: socket | None) -> bool:
    """Give this process a network of its own; if that is impossible, the trial is lost.

    The `watcher` sees its packets, which pass the `relay`.
    """
    from flakeproof_worker.perturb.confinement import Handing, have_private_network

    try:
        have_private_network(duty.perturbations, duty.target, Handing(once.trial, once.seed, watcher, relay))
    except OSError as error:
        once.lose(f"no private network: {error.strerror}")
        return False
    return True


def _has_private_files(duty: Duty, once: Once) -> bool:
    """Give this process a private view of the project's files; if that is impossible, record the trial as lost."""
    from flakeproof_worker.system.private_files import have_private_files

    selection = duty.loaded.selection
    assert selection is not None
    try:
        selection.files = have_private_files(selection.shared_folders(), once.folder)
    except OSError as error:
        once.lose(f"no private view of the files: {error.strerror}")
        return False
    return True
