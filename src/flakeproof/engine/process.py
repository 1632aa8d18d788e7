"""One worker process, seen from the coordinator: started by path, spoken to over a socket, watched over its board."""

import json
import mmap
import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

import flakeproof_worker
from flakeproof.clock import monotonic_ns
from flakeproof.engine.leases import Account, Block, Order
from flakeproof.engine.messages import Unloadable, WorkerMessage, decode
from flakeproof.model import ItemOutcome
from flakeproof_worker.perturb import faketime
from flakeproof_worker.shared import board, stacks
from flakeproof_worker.shared.output import excerpt, nameless_file

WORKER_FOLDER = Path(flakeproof_worker.__file__).parent
_CHUNK = 1 << 18
_CHUNKS_AT_ONCE = 8
"""Read from one process before the others have their turn; a process that sends more is slowed down by that."""


class WorkerProcess:
    """A running worker process and what we know of it."""

    def __init__(
        self, number: int, place: int, python: str, folder: str, order: dict[str, Any], environment: dict[str, str]
    ) -> None:
        """Start it. `order` is what the process is told first (`flakeproof_worker.process`).

        Raises OSError when the interpreter cannot be started.
        """
        self.number = number
        self.place = place
        """Which of the run's processes it is, or stands in for."""
        self.lanes: int = order["lanes"]
        self.account = Account(self.lanes)
        self.ready = False
        self.started_ns = monotonic_ns()
        self.ready_ns = 0
        """When it had loaded the target; 0 before."""
        self.finished_ns = 0
        """When it was told that no more leases will come; 0 before."""
        self.bye_ns = 0
        """When it said goodbye (monotonic nanoseconds); 0 before."""
        self.lane_kind = ""
        self.items: list[str] = []
        """What pytest has collected in it."""
        self._index_of: dict[str, int] = {}
        self.latest_items: dict[str, ItemOutcome] = {}
        """Items that did not simply pass, in the latest trial that passed."""
        self.unloadable: Unloadable | None = None
        """Why it could not load the target, if it said so."""
        self.failures_heard = 0
        """Failures that it has reported, counted or not."""
        self.says_what_cannot_be = False
        self.is_finishing = False
        """Whether the process knows that no more leases will come."""
        self._has_clock = bool(order["perturbations"].get("clock"))
        self._partial = b""
        self._unsent = b""
        board_descriptor = board.create(self.lanes)
        output = nameless_file(order["scratch"])
        ours, theirs = socket.socketpair()
        try:
            self._mapping = mmap.mmap(board_descriptor, board.size_of(self.lanes))
            self.words = memoryview(self._mapping).cast("Q")
            self._popen = subprocess.Popen(
                [python, "-u", str(WORKER_FOLDER), str(theirs.fileno()), str(board_descriptor)],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(theirs.fileno(), board_descriptor),
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            os.close(output)
            raise
        finally:
            theirs.close()
            os.close(board_descriptor)
        self._output = output
        self._sock = ours
        self.pidfd = os.pidfd_open(self._popen.pid)
        ours.setblocking(False)
        self._say(order)

    @property
    def pid(self) -> int:
        """Process id, also of its process group and session."""
        return self._popen.pid

    def fileno(self) -> int:
        """Descriptor on which messages arrive."""
        return self._sock.fileno()

    def give(self, block: Block, orders: Sequence[Order] = (), *, scout: bool = False) -> None:
        """Lease `block` to the process; `orders` has what runs in each of its trials where that is not all there is.

        In a `scout`, which is one trial, it looks for what copies of it would collide over.
        """
        self.account.give(block)
        lease: dict[str, Any] = {"type": "lease", "first": block[0], "count": block[1]}
        if scout:
            lease["scout"] = True
        if orders:
            lease["orders"] = [self._in_indexes(order) for order in orders]
        self._say(lease)

    def _in_indexes(self, order: Order) -> dict[str, Any]:
        # Another process may have collected the same items in another order.
        if not self._index_of:
            self._index_of = {item: index for index, item in enumerate(self.items)}
        told: dict[str, Any] = {"items": [self._index_of[item] for item in order.items]}
        if order.private:
            told["private"] = True
        if order.look:
            told |= {"look": self._index_of[order.look], "restore": order.restore, "watch": order.watch}
        return told

    def expire(self, trial: int) -> None:
        """Tell the process that the time of `trial` is over."""
        self._say({"type": "expire", "trial": trial})

    def set_private_network(self, *, on: bool) -> None:
        """Give each trial that begins from now on a network of its own, or none."""
        self._say({"type": "private-network", "on": on})

    def finish(self) -> None:
        """Tell the process that no more leases will come."""
        if not self.is_finishing:
            self.is_finishing = True
            self.finished_ns = monotonic_ns()
            self._say({"type": "finish"})

    def stop(self) -> None:
        """Have the process take no further trial, not even of the leases that it has."""
        if not self.words[board.STOP]:
            self.words[board.STOP] = 1
        self.finish()

    def limit_failures(self, most: int) -> None:
        """Have the process take no further trial once it has had `most` failures in all."""
        self.words[board.FAILURES] = most

    @property
    def unreported(self) -> int:
        """Trials that have ended and whose outcome has not arrived."""
        return max(0, self.taken - self.account.reported - len(self.in_flight()))

    def condemn(self) -> None:
        """Have the process neither take nor report any trial from now on: it will be killed."""
        self.words[board.STOP] = board.CONDEMNED

    @property
    def is_spoilt(self) -> bool:
        """Whether what it shows or says cannot be: a test has written into what is flakeproof's.

        Each trial is put on the board before it is reported, and only what was leased can be.
        """
        taken, account = self.taken, self.account
        running = board.in_flight(self.words, self.lanes)
        possible = account.reported <= taken <= account.given and account.can_have(running)
        return self.says_what_cannot_be or not possible

    def messages(self, *, to_the_end: bool = False) -> list[WorkerMessage]:
        """What has arrived and not been read: some of it, or all that a dead process has sent.

        What a dead process has not finished writing is dropped. A process in which a trial has written something of
        its own into the conversation is killed, and nothing of what it has not told is believed.
        """
        data = bytearray(self._partial)
        chunks = 0
        with suppress(BlockingIOError, ConnectionError):
            while (to_the_end or chunks < _CHUNKS_AT_ONCE) and (chunk := self._sock.recv(_CHUNK)):
                data += chunk
                chunks += 1
        *lines, rest = bytes(data).split(b"\n")
        self._partial = rest
        found: list[WorkerMessage] = []
        for line in lines:
            try:
                found.append(decode(line))
            except (msgspec.DecodeError, RecursionError):
                # What came behind it may be gone with it, and a failure among that would pass for a pass.
                self.says_what_cannot_be = True
                self.kill(signal.SIGKILL)
                break
        return found

    def has_exited(self) -> bool:
        """Whether the process is dead (its exit status is kept until `close`)."""
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:  # somebody else in this program has reaped it
            return True

    def in_flight(self) -> dict[int, int]:
        """Trials on the board whose outcome has not arrived, with their start (monotonic nanoseconds, 0: not yet)."""
        running = board.in_flight(self.words, self.lanes)
        return {trial: start for trial, start in running.items() if not self.account.has_ended(trial)}

    @property
    def taken(self) -> int:
        """Trials that the process has taken so far."""
        return int(self.words[board.TAKEN])

    @property
    def holder(self) -> int:
        """The trial whose code holds the event loop right now; 0 if that is not known, or there is no loop."""
        return int(self.words[board.HOLDER])

    @property
    def running_item(self) -> str:
        """Id of the pytest item that a pass in this process has come to; "" where that is not known."""
        index = int(self.words[board.ITEM])
        if not index and len(self.items) == 1:
            return self.items[0]
        return self.items[index - 1] if 0 < index <= len(self.items) else ""

    def leave_out(self, items: list[str]) -> None:
        """Have the process not run these items any more."""
        self._say({"type": "leave-out", "items": items})

    @property
    def has_work(self) -> bool:
        """Whether it has trials to take, or nothing left to do but to end."""
        return self.is_finishing or self.account.leases > 0

    def output(self) -> str:
        """Head and tail of what it has written to stdout and stderr since the last trial that cleared it."""
        return excerpt(self._output)

    def trim_output(self, limit: int) -> None:
        """Keep a process that never stops writing from filling the disk."""
        with suppress(OSError):
            if os.fstat(self._output).st_size > limit:
                os.ftruncate(self._output, 0)

    @property
    def has_dumped(self) -> bool:
        """Whether its stacks are in its output."""
        return stacks.are_in(self.output())

    def dump_stacks(self, *, last_resort: bool = False) -> None:
        """Ask for the stacks of all its threads, written to its output."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, stacks.LAST_RESORT_SIGNAL if last_resort else stacks.DUMP_SIGNAL)

    def kill(self, number: signal.Signals) -> None:
        """Signal the whole process group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def close(self) -> int:
        """Kill what is left of the group, reap, release everything; return the exit status (negative: the signal)."""
        self.kill(signal.SIGKILL)
        status = self._popen.wait()
        self._sock.close()
        os.close(self.pidfd)
        os.close(self._output)
        self.words.release()
        self._mapping.close()
        if self._has_clock:
            faketime.clear_up(self.pid)
        return status

    def say_the_rest(self) -> None:
        """Send what the process had no room for when it was said."""
        if self._unsent:
            with suppress(BlockingIOError):
                try:
                    self._unsent = self._unsent[self._sock.send(self._unsent) :]
                except ConnectionError:  # dead: it will be noticed as such
                    self._unsent = b""

    def _say(self, message: dict[str, Any]) -> None:
        self._unsent += json.dumps(message).encode() + b"\n"
        self.say_the_rest()
