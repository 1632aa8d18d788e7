"""One worker process as the coordinator sees it: started by path, connected by a socket, watched through its board."""

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
"""How many chunks are read from one process before the next has its turn; this slows a process that sends more."""


class WorkerProcess:
    """A running worker process, and what is known of it."""

    def __init__(
        self, number: int, place: int, python: str, folder: str, order: dict[str, Any], environment: dict[str, str]
    ) -> None:
        """Start the process. `order` is the first message to it (`flakeproof_worker.process`).

        Raises OSError if the interpreter cannot be started.
        """
        self.number = number
        self.place = place
        """Its place among the run's simultaneous processes; a replacement takes the place of its predecessor."""
        self.lanes: int = order["lanes"]
        self.account = Account(self.lanes)
        self.ready = False
        self.started_ns = monotonic_ns()
        self.ready_ns = 0
        """When it had loaded the target (monotonic nanoseconds); 0 before."""
        self.finished_ns = 0
        """When it was told that no more leases will come (monotonic nanoseconds); 0 before."""
        self.bye_ns = 0
        """When it said goodbye (monotonic nanoseconds); 0 before."""
        self.lane_kind = ""
        self.items: list[str] = []
        """The items that pytest has collected in it."""
        self._index_of: dict[str, int] = {}
        self.latest_items: dict[str, ItemOutcome] = {}
        """Items that did not simply pass, in the latest trial that passed."""
        self.unloadable: Unloadable | None = None
        """Why it could not load the target, if it sent a reason."""
        self.failures_heard = 0
        """How many failures it has reported, counted or not."""
        self.sent_impossible = False
        """Whether it has sent a message that flakeproof cannot have sent."""
        self.is_finishing = False
        """Whether the process was told that no more leases will come."""
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
        """Lease `block` to the process; `orders` has an order for each of its trials, unless all items run.

        A `scout` is a single trial, whose process observes what copies of it would collide over.
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
        found: dict[str, Any] = {"items": [self._index_of[item] for item in order.items]}
        if order.private:
            found["private"] = True
        if order.look:
            found |= {"look": self._index_of[order.look], "restore": order.restore, "watch": order.watch}
        return found

    def expire(self, trial: int) -> None:
        """Tell the process that `trial` has exceeded its time limit."""
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
        """Make the process take no further trial, not even from the leases that it has."""
        if not self.words[board.STOP]:
            self.words[board.STOP] = 1
        self.finish()

    def limit_failures(self, most: int) -> None:
        """Make the process take no further trial once it has had `most` failures in all."""
        self.words[board.FAILURES] = most

    @property
    def unreported(self) -> int:
        """How many trials have ended although their outcome has not arrived."""
        return max(0, self.taken - self.account.reported - len(self.in_flight()))

    def condemn(self) -> None:
        """Make the process neither take nor report any trial from now on: it will be killed."""
        self.words[board.STOP] = board.CONDEMNED

    @property
    def is_spoilt(self) -> bool:
        """Whether its board or its messages are impossible: then a test has written to flakeproof's own parts.

        Each trial is noted on the board before it is reported, and only leased trials can be.
        """
        taken, account = self.taken, self.account
        running = board.in_flight(self.words, self.lanes)
        possible = account.reported <= taken <= account.given and account.can_have(running)
        return self.sent_impossible or not possible

    def messages(self, *, to_the_end: bool = False) -> list[WorkerMessage]:
        """Read messages that have arrived: some of them, or, `to_the_end`, everything that a dead process has sent.

        An incomplete last message of a dead process is dropped. If a trial has written something else to the socket,
        the process is killed, and its trials without a report have no result.
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
                # Messages after this line may be damaged, too, and a lost failure would count as passed.
                self.sent_impossible = True
                self.kill(signal.SIGKILL)
                break
        return found

    def has_exited(self) -> bool:
        """Whether the process is dead (its exit status is kept until `close`)."""
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:  # other code in this program has reaped it
            return True

    def in_flight(self) -> dict[int, int]:
        """Trials on the board whose outcome has not arrived, with their start (monotonic nanoseconds; 0: not begun)."""
        running = board.in_flight(self.words, self.lanes)
        return {trial: start for trial, start in running.items() if not self.account.has_ended(trial)}

    @property
    def taken(self) -> int:
        """How many trials the process has taken so far."""
        return int(self.words[board.TAKEN])

    @property
    def holder(self) -> int:
        """The trial whose code holds the event loop right now; 0 if unknown, or without a loop."""
        return int(self.words[board.HOLDER])

    @property
    def running_item(self) -> str:
        """Id of the pytest item that a pass in this process has reached; "" if unknown."""
        index = int(self.words[board.ITEM])
        if not index and len(self.items) == 1:
            return self.items[0]
        return self.items[index - 1] if 0 < index <= len(self.items) else ""

    def leave_out(self, items: list[str]) -> None:
        """Make the process run these items no more."""
        self._say({"type": "leave-out", "items": items})

    @property
    def has_work(self) -> bool:
        """Whether it has trials to take, or should be ending."""
        return self.is_finishing or self.account.leases > 0

    def output(self) -> str:
        """Beginning and end of its stdout and stderr since the output file was last emptied."""
        return excerpt(self._output)

    def trim_output(self, limit: int) -> None:
        """Empty the output file if it exceeds `limit` bytes, so that it cannot fill the disk."""
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
        """Send a signal to the whole process group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def close(self) -> int:
        """Kill the rest of the group, reap, release resources; return the exit status (negative: the signal)."""
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
        """Send messages for which the socket had no room before."""
        if self._unsent:
            with suppress(BlockingIOError):
                try:
                    self._unsent = self._unsent[self._sock.send(self._unsent) :]
                except ConnectionError:  # the process is dead, which is noticed elsewhere
                    self._unsent = b""

    def _say(self, message: dict[str, Any]) -> None:
        self._unsent += json.dumps(message).encode() + b"\n"
        self.say_the_rest()
