"""Each trial in an interpreter of its own, several at once: nothing is shared, and everything is loaded anew."""

import json
import os
import sys

from flakeproof_worker import folders
from flakeproof_worker.duty import Duty
from flakeproof_worker.environment import SEED, TRIAL
from flakeproof_worker.lanes.children import Child, Children
from flakeproof_worker.lanes.verdicts import item_running, report_verdict
from flakeproof_worker.output import nameless_file

_HASH_SEED = "PYTHONHASHSEED"
_VERDICT = 3
"""Descriptor in the child of the file that tells it what to do and gets its verdict."""
_WORKER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - no pathlib here


def run(duty: Duty) -> None:
    """Run trials until there are no more."""
    _Fresh(duty).run()


class _Fresh(Children):
    writes_stacks = True
    needs_folder = True

    def __init__(self, duty: Duty) -> None:
        super().__init__(duty)
        self._verdicts = [nameless_file(duty.scratch) for _ in range(duty.lanes)]

    def start(self, lane: int, trial: int, seed: int, folder: str) -> int:
        duty, verdict = self.duty, self._verdicts[lane]
        order = {
            "parent": os.getpid(),
            "trial": trial,
            "seed": seed,
            "run_seed": duty.run_seed,
            "folder": folder,
            "target": duty.target,
        }
        os.ftruncate(verdict, 0)
        os.write(verdict, json.dumps(order).encode())
        environment = {**duty.environment, TRIAL: str(trial), SEED: str(seed), folders.VARIABLE: folder}
        if duty.draws_hash_seed:
            environment[_HASH_SEED] = str(seed)
        output = self.outputs[lane]
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, output, 1),
            (os.POSIX_SPAWN_DUP2, output, 2),
            (os.POSIX_SPAWN_DUP2, verdict, _VERDICT),
        ]
        words = [sys.executable, "-u", _WORKER, str(_VERDICT)]
        return os.posix_spawn(sys.executable, words, environment, file_actions=actions, setsid=True, setsigmask=())

    def report(self, lane: int, child: Child, status: int, elapsed: int) -> None:
        report_verdict(self.duty, self._verdicts[lane], self.outputs[lane], child, status, elapsed)

    def running_in(self, lane: int) -> dict[str, object]:
        return item_running(self.duty, self._verdicts[lane])
