"""A worker process from start to end: receive the order, load the target, run the leased trials, say goodbye."""

import atexit
import gc
import importlib
import math
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

from flakeproof_worker.generators import LiveGenerators
from flakeproof_worker.leases import Leases
from flakeproof_worker.loaded_target import Loaded, watch_for
from flakeproof_worker.loader import UnloadableError
from flakeproof_worker.perturb.applied import prepare
from flakeproof_worker.perturb.confinement import confine
from flakeproof_worker.reporter import Channel, Message, Reporter
from flakeproof_worker.shared import board, stacks
from flakeproof_worker.shared.output import Output
from flakeproof_worker.shared.private import os, time
from flakeproof_worker.shared.process_exit import DISCONNECTED, end_at_once
from flakeproof_worker.system import process_tree
from flakeproof_worker.targets import with_target
from flakeproof_worker.trial_context import Duty


def serve(control: int, board_descriptor: int, import_by_path: Callable[[str, str], None]) -> NoReturn:
    """Be a worker process that talks over the socket `control` and notes its trials on the board."""
    os.set_inheritable(control, False)
    os.set_inheritable(board_descriptor, False)
    # The program that calls flakeproof may ignore or block signals that this process and its trials need.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    channel = Channel(socket.socket(fileno=control))
    try:
        order = channel.receive()
        if order is None:
            os._exit(DISCONNECTED)  # the coordinator has gone before it sent the order
        if order["target"]["kind"] != "command":  # the lane `commands` must survive to end its commands
            process_tree.die_with(order["coordinator"])
        if any(order["perturbations"].get(name) for name in ("cpus", "cpu_quota", "nice")):
            importlib.import_module("flakeproof_worker.perturb.confinement").take_place(order)
        try:
            rooms = confine(order)
        except OSError as error:
            channel.send({"type": "unloadable", "kind": "hindered", "message": str(error.strerror), "details": ""})
            os._exit(0)
        _work(channel, order, rooms, board_descriptor, import_by_path)
        _run_exit_handlers()
    except BaseException as error:
        end_at_once(error)
    os._exit(0)


def _work(
    channel: Channel,
    order: Message,
    rooms: list[str],
    board_descriptor: int,
    import_by_path: Callable[[str, str], None],
) -> None:
    words = board.words_of(board_descriptor, order["lanes"])
    board.seal(board_descriptor)
    os.close(board_descriptor)
    # A trial may close or replace the streams; these descriptors stay.
    output_descriptor, stacks_descriptor = os.dup(1), os.dup(1)
    output = Output(output_descriptor)
    stacks.prepare(stacks_descriptor)
    environment = dict(os.environ)
    watch = watch_for(order)  # before any code of the user is imported
    generators = LiveGenerators() if order["isolation"] == "fork" else None
    said_bye = False
    together = order["lanes"] if order["isolation"] == "shared" else 1
    perturbed = prepare(order["perturbations"], order["target"], order["scratch"], together)
    start = time.perf_counter_ns()

    def begin(loaded: Loaded) -> None:
        nonlocal said_bye
        load_ns = time.perf_counter_ns() - start
        stacks.prepare(stacks_descriptor)  # again: pytest has installed its own handler
        output.discard()  # what imports print belongs to no trial
        duty = Duty(
            target=order["target"],
            lanes=order["lanes"],
            channel=channel,
            words=words,
            leases=Leases(channel, words, order["seed"], private_network=bool(order.get("private_network"))),
            reporter=Reporter(channel, words, watch),
            output=output,
            stacks_descriptor=stacks_descriptor,
            grace=order["grace"],
            limit_ns=math.inf if order.get("timeout") is None else order["timeout"] * 1e9,
            scratch=order["scratch"],
            slots=order.get("slots") or {},
            temporary=order["temporary"],
            rooms=rooms,
            run_seed=order["seed"],
            environment=environment,
            sanitize=order["sanitize"],
            draws_hash_seed=order["draws_hash_seed"],
            listens=order["listens"],
            watches_packets=bool(order.get("watches_packets")),
            keeps_captures=bool(order.get("keeps_captures")),
            perturbations=order["perturbations"],
            loaded=perturbed(loaded).watched(watch),
            reseed=generators.stop() if generators is not None else None,
        )
        lane_kind = lanes_for(order["target"]["kind"], order["isolation"], order["lanes"], is_async=loaded.is_async)
        run: Callable[[Duty], Any] = importlib.import_module(f"flakeproof_worker.lanes.{lane_kind}").run
        items, remarks = [], []
        if loaded.selection is not None:
            items, remarks = loaded.selection.ids, loaded.selection.remarks
        python = sys.version.split()[0]
        ready = {"type": "ready", "lanes": lane_kind, "python": python, "load_ns": load_ns}
        channel.send({**ready, "items": items, "remarks": remarks})
        if loaded.selection is None:
            gc.collect()
            # The loaded objects live as long as the process, and forks share their pages for longer. Not with pytest:
            # `gc` finds no referrers of frozen objects, and libraries that tests import later ask for those.
            gc.freeze()
        run(duty)
        channel.send({"type": "bye"})
        said_bye = True

    try:
        with_target(order["target"], order["seed"], import_by_path, begin, output.take)
    except UnloadableError as error:
        channel.send({"type": "unloadable", "kind": error.kind, "message": error.message, "details": error.details})
    except BaseException:
        if not said_bye:
            raise
        # Every trial is reported; errors while the user's code shuts down do not matter.


def lanes_for(kind: str, isolation: str, lanes: int, *, is_async: bool) -> str:
    """Name of the module in `flakeproof_worker.lanes` that runs this kind of target under these settings."""
    if kind == "command":
        return "commands"
    if isolation == "fork":
        return "forks"
    if isolation == "fresh":
        return "fresh"
    if kind == "pytest":
        return "pytest_passes"
    if is_async:
        return "tasks"
    return "inline" if lanes == 1 else "threads"


def _run_exit_handlers() -> None:
    """Run the exit handlers of the user's code, without waiting for threads that trials have left behind."""
    with suppress(BaseException):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(BaseException):
            stream.flush()
