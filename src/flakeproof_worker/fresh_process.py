"""A process that the lane `fresh` starts for a single trial: it loads the target, runs it, writes the verdict, ends."""

import importlib
from collections.abc import Callable
from typing import Any, NoReturn

from flakeproof_worker.current import RUNNING
from flakeproof_worker.generators import randomness_for
from flakeproof_worker.loaded_target import Loaded, watch_for
from flakeproof_worker.loader import UnloadableError
from flakeproof_worker.perturb.applied import prepare
from flakeproof_worker.shared import stacks
from flakeproof_worker.shared.output import Output
from flakeproof_worker.shared.private import json, os
from flakeproof_worker.shared.process_exit import end_at_once, end_copy
from flakeproof_worker.single_trial import Once
from flakeproof_worker.system import process_tree


def run_alone(descriptor: int, import_by_path: Callable[[str, str], None]) -> NoReturn:
    """Run the trial that the file `descriptor` describes, and write the verdict to that file."""
    os.set_inheritable(descriptor, False)
    try:
        order = json.loads(os.pread(descriptor, os.fstat(descriptor).st_size, 0))
        os.ftruncate(descriptor, 0)
        process_tree.die_with(order["parent"])
        stacks.prepare(os.dup(1))
        _run(order, descriptor, import_by_path)
    except BaseException as error:
        end_at_once(error)
    os._exit(0)


def _run(order: dict[str, Any], descriptor: int, import_by_path: Callable[[str, str], None]) -> None:
    process = os.getpid()
    target = order["target"]
    output = Output(os.dup(1))
    once = Once(order["trial"], order["seed"], order["folder"], descriptor, output, target)
    if order["private_network"]:
        confinement = importlib.import_module("flakeproof_worker.perturb.confinement")
        watcher, relay = (_socket(order[name]) for name in ("watcher", "relay"))
        handing = confinement.Handing(once.trial, once.seed, watcher, relay)
        try:
            confinement.have_private_network(order["perturbations"], target, handing)
        except OSError as error:
            once.lose(f"no private network: {error.strerror}")
            return
        for one in (watcher, relay):
            if one is not None:
                one.close()
    watch = watch_for(order)
    if order["scout"]:
        once.footprint = importlib.import_module("flakeproof_worker.footprint").Footprint([order["folder"]])
    if target["kind"] != "pytest":
        randomness_for(order["perturbations"]).seed(once.seed)

    perturbed = prepare(order["perturbations"], target, order["scratch"])

    def leave(error: BaseException | None = None) -> None:
        if os.getpid() != process:
            end_copy(error)

    def begin(loaded: Loaded) -> None:
        stacks.prepare(os.dup(1))  # pytest has put its own in place
        once.output.discard()
        if loaded.selection is not None:
            loaded.selection.leave_out(order["left_out"])
            loaded.selection.tell_slot(order["slot"], order["slots"])
        RUNNING.set((once.trial, once.seed))  # not before: what an import starts belongs to no trial
        once.run(perturbed(loaded).watched(watch), leave)

    load_target = importlib.import_module("flakeproof_worker.targets").with_target
    try:
        load_target(target, order["run_seed"], import_by_path, begin, lambda: Output(1).take())
    except UnloadableError as error:
        # The target could be loaded a moment ago: that it no longer can is what this trial has found.
        failure = {"type": error.kind, "message": error.message, "frames": []}
        once.write({"ns": 0, "outcome": "failed", "failure": failure, "cut_short": True, "details": error.details})


def _socket(descriptor: int | None) -> Any:
    return None if descriptor is None else importlib.import_module("socket").socket(fileno=descriptor)
