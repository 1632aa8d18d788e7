"""A worker process from start to end: hear what to run, load it, run the leased trials, say goodbye."""

import atexit
import gc
import importlib
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter_ns
from typing import Any, NoReturn

from flakeproof_worker import board, kernel, stacks
from flakeproof_worker.channel import Channel, Message
from flakeproof_worker.duty import Duty
from flakeproof_worker.ending import DISCONNECTED, end_at_once
from flakeproof_worker.leases import Leases
from flakeproof_worker.loader import UnloadableError, load
from flakeproof_worker.output import Output
from flakeproof_worker.reporter import Reporter


def serve(control: int, board_descriptor: int, import_by_path: Callable[[str, str], None]) -> NoReturn:
    """Be a worker process that talks over the socket `control` and shows itself on the board."""
    os.set_inheritable(control, False)
    os.set_inheritable(board_descriptor, False)
    channel = Channel(socket.socket(fileno=control))
    try:
        order = channel.receive()
        if order is None:
            os._exit(DISCONNECTED)  # the coordinator has gone before it said anything
        if order["target"]["kind"] != "command":  # the lane of commands has to end these itself
            kernel.die_with(order["coordinator"])
        _work(channel, order, board_descriptor, import_by_path)
        _run_exit_handlers()
    except BaseException as error:
        end_at_once(error)
    os._exit(0)


def _work(channel: Channel, order: Message, board_descriptor: int, import_by_path: Callable[[str, str], None]) -> None:
    words = board.words_of(board_descriptor, order["lanes"])
    board.seal(board_descriptor)
    os.close(board_descriptor)
    # The streams may be closed or exchanged by a trial; this descriptor stays.
    output_descriptor, stacks_descriptor = os.dup(1), os.dup(1)
    output = Output(output_descriptor)
    stacks.prepare(stacks_descriptor)
    target = order["target"]
    loaded: dict[str, Any] = {}
    start = perf_counter_ns()
    if target["kind"] == "command":
        lane_kind = "commands"
    else:
        try:
            loaded = _load_callable(target, import_by_path)
        except UnloadableError as error:
            channel.send({"type": "unloadable", "kind": error.kind, "message": error.message, "details": error.details})
            return
        lane_kind = lanes_for(order["isolation"], loaded["is_async"], order["lanes"])
    load_ns = perf_counter_ns() - start
    output.discard()  # what imports print belongs to no trial
    duty = Duty(
        **loaded,
        target=target,
        lanes=order["lanes"],
        channel=channel,
        words=words,
        leases=Leases(channel, words, order["seed"]),
        reporter=Reporter(channel),
        output=output,
        stacks_descriptor=stacks_descriptor,
        grace=order["grace"],
        scratch=order["scratch"],
    )
    run: Callable[[Duty], Any] = importlib.import_module(f"flakeproof_worker.lanes.{lane_kind}").run
    channel.send({"type": "ready", "lanes": lane_kind, "python": sys.version.split()[0], "load_ns": load_ns})
    gc.collect()
    gc.freeze()  # what is loaded now lives as long as the process; a fork shares its pages for longer, too
    run(duty)
    channel.send({"type": "bye"})


def _load_callable(target: Message, import_by_path: Callable[[str, str], None]) -> dict[str, Any]:
    """What `Duty` wants to know of a Python function. Raises UnloadableError."""
    sys.argv = ["flakeproof"]
    sys.path.insert(0, target["folder"])
    for name, folder in target["packages"].items():
        if name not in sys.modules:
            import_by_path(name, folder)
    function, is_async = load(target["module"], target["attribute"], target["arguments"])
    new_loop = None
    if target["loop"]:
        module, _, attribute = target["loop"].partition(":")
        new_loop, _ = load(module, attribute, {})
    return {"function": function, "is_async": is_async, "new_loop": new_loop}


def lanes_for(isolation: str, is_async: bool, lanes: int) -> str:
    """Name of the module in `flakeproof_worker.lanes` that runs a Python function under these settings."""
    if isolation == "fork":
        return "forks"
    if is_async:
        return "tasks"
    return "inline" if lanes == 1 else "threads"


def _run_exit_handlers() -> None:
    """Run those of the user's code; threads that trials have left behind are not waited for."""
    with suppress(BaseException):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(BaseException):
            stream.flush()
