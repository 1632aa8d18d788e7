"""Each trial runs in a new interpreter, several at once: nothing is shared, and everything is loaded anew."""

import json
import os
import sys

from flakeproof_worker.environment import SEED, TRIAL
from flakeproof_worker.lanes.reported_children import Judged
from flakeproof_worker.lanes.spawn import spawn
from flakeproof_worker.perturb.applied import variables_for
from flakeproof_worker.shared import slots
from flakeproof_worker.system import folders
from flakeproof_worker.trial_context import Duty

_HASH_SEED = "PYTHONHASHSEED"
_VERDICT = 3
"""The child's descriptor of the file from which it reads its order and into which it writes its verdict."""
_WATCHER = 4
"""The one over which it sends its tap, if packets are watched."""
_RELAY = 5
"""The one over which it sends its tunnel, if its packets are to have faults."""
_WORKER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - no pathlib here


def run(duty: Duty) -> None:
    """Run trials until there are no more."""
    _Fresh(duty).run()


class _Fresh(Judged):
    needs_folder = True

    def __init__(self, duty: Duty) -> None:
        super().__init__(duty)
        self._perturbed = variables_for(duty.perturbations, duty.target)

    def start(self, lane: int, trial: int, seed: int, folder: str) -> int:
        duty, verdict = self.duty, self.verdicts[lane]
        order = {
            "parent": os.getpid(),
            "trial": trial,
            "seed": seed,
            "run_seed": duty.run_seed,
            "folder": folder,
            "target": duty.target,
            "perturbations": duty.perturbations,
            "scratch": duty.scratch,
            "scout": trial == duty.leases.scout,
            "private_network": duty.leases.private_network,
            "watcher": None if self.taps is None else _WATCHER,
            "relay": None if self.relays is None else _RELAY,
            "slot": lane,
            "slots": duty.slots,
            "sanitize": duty.sanitize,
            "left_out": sorted(duty.leases.left_out),
        }
        os.ftruncate(verdict, 0)
        os.write(verdict, json.dumps(order).encode())
        environment = {**duty.environment, TRIAL: str(trial), SEED: str(seed), folders.VARIABLE: folder}
        environment |= slots.variables(lane, duty.slots)
        if duty.draws_hash_seed:
            environment[_HASH_SEED] = str(seed)
        environment |= self._perturbed(seed)
        kept = {verdict: _VERDICT}
        if self.taps is not None:
            kept[self.taps.receiver(lane).fileno()] = _WATCHER
        if self.relays is not None:
            kept[self.relays.of(lane).fileno()] = _RELAY
        words = [sys.executable, "-u", _WORKER, str(_VERDICT)]
        pid = spawn(sys.executable, words, environment, self.outputs[lane], kept)
        self.settle(pid)
        return pid
