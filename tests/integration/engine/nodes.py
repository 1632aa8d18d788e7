"""A cluster without an engine: each node is a process of this machine with a copy of the project, behind pipes."""

import os
import selectors
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from flakeproof.cluster.exchange import FoundNode, Gone, decode_reply

_NODE = """
import sys
from flakeproof.cluster.node_run import NodeRun
run = NodeRun()
for line in sys.stdin.buffer:
    what, _, said = line.rstrip(b"\\n").partition(b" ")
    sys.stdout.buffer.write(getattr(run, what.decode())(said) + b"\\n")
    sys.stdout.buffer.flush()
"""


class PipedNodes:
    """Connections to such nodes (`cluster.exchange.Links`)."""

    def __init__(self, project: Path, copies: Path, names: str) -> None:
        """Each letter of `names` is a node that is there from the beginning."""
        self._project = project
        self._copies = copies
        self._new = [FoundNode(key=name, name=name, cpus=1) for name in names]
        self._selector = selectors.DefaultSelector()
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self.numbers: dict[str, int] = {}
        self.in_flight: dict[int, list[int]] = {}
        """What each node was running when it was last heard of."""
        self.is_closed = False

    def join(self, name: str) -> None:
        """Another node has come."""
        self._new.append(FoundNode(key=name, name=name, cpus=1))

    def kill(self, name: str) -> None:
        """A node is gone."""
        self.processes[self.numbers[name]].kill()

    def new_nodes(self) -> list[FoundNode]:
        found, self._new = self._new, []
        return found

    def begin(self, node: FoundNode, number: int, order: bytes, cpus: int) -> None:
        folder = shutil.copytree(self._project, self._copies / node.name)
        words = [sys.executable, "-c", _NODE]
        process = subprocess.Popen(words, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdout is not None
        self.processes[number] = process
        self.numbers[node.name] = number
        self._selector.register(process.stdout, selectors.EVENT_READ, number)
        self._say(number, b"begin", order)

    def say(self, number: int, instructions: bytes) -> None:
        self._say(number, b"exchange", instructions)

    def wait(self, seconds: float) -> list[tuple[int, bytes | Gone]]:
        found: list[tuple[int, bytes | Gone]] = []
        for key, _ in self._selector.select(seconds):
            line = key.fileobj.readline()  # type: ignore[union-attr]
            if line.endswith(b"\n"):
                self.in_flight[key.data] = decode_reply(line).in_flight
                found.append((key.data, line))
            else:
                found.append((key.data, Gone(reason="killed")))
        return found

    def release(self, number: int) -> None:
        process = self.processes.pop(number)
        assert process.stdin is not None
        assert process.stdout is not None
        self._selector.unregister(process.stdout)
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()

    def close(self) -> None:
        for number in list(self.processes):
            self.release(number)
        self._selector.close()
        self.is_closed = True

    def _say(self, number: int, what: bytes, said: bytes) -> None:
        stdin = self.processes[number].stdin
        assert stdin is not None
        with suppress(BrokenPipeError):  # the next `wait` tells
            os.write(stdin.fileno(), what + b" " + said + b"\n")
