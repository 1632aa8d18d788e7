"""The command in a fork of an interpreter that has imported it: what it does is real, only its start costs nothing.

`python -m flakeproof` spends most of a short call on the start of the interpreter and on imports. `Warm` starts one
interpreter that has done both; each call forks it and goes on in `flakeproof.__main__` as a new process does: with the
words, the folder, the environment and the standard streams of the call, and with an exit status. What an interpreter
reads only as it starts (`PYTHON…`, the locale) cannot be given to a fork.
"""

import json
import os
import runpy
import select
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import flakeproof

_MAIN = str(Path(flakeproof.__file__).parent / "__main__.py")
_READ_AT_START = ("PYTHON", "LC_", "LANG")


class Warm:
    """An interpreter that waits for calls; one call at a time."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._asked = ours
        self._start = {name: value for name, value in environment.items() if name.startswith(_READ_AT_START)}
        words = [sys.executable, "-m", "tests.e2e.warm", str(theirs.fileno())]
        root = Path(__file__).parent.parent.parent
        self._process = subprocess.Popen(words, cwd=root, env=dict(environment), pass_fds=[theirs.fileno()])
        theirs.close()

    def suits(self, environment: Mapping[str, str]) -> bool:
        """Whether nothing in the environment would have to be read at the start of an interpreter."""
        return self._start == {name: value for name, value in environment.items() if name.startswith(_READ_AT_START)}

    def run(
        self, words: Sequence[str], folder: Path, environment: Mapping[str, str], limit: float
    ) -> subprocess.CompletedProcess[str]:
        """As `subprocess.run` with `capture_output` and `text`, and nothing on stdin; `limit` is in seconds."""
        nothing = os.open(os.devnull, os.O_RDONLY)
        streams = [os.pipe(), os.pipe()]
        message = json.dumps([list(words), str(folder), dict(environment)]).encode()
        socket.send_fds(self._asked, [message], [nothing, *(writer for _, writer in streams)])
        for descriptor in (nothing, *(writer for _, writer in streams)):
            os.close(descriptor)
        pid = int(self._asked.recv(100))
        try:
            output, errors = _read([reader for reader, _ in streams], time.monotonic() + limit)
        except TimeoutError:
            os.kill(pid, 9)
            self._asked.recv(100)
            raise subprocess.TimeoutExpired(list(words), limit) from None
        return subprocess.CompletedProcess(list(words), int(self._asked.recv(100)), output, errors)

    def close(self) -> None:
        """End the interpreter."""
        self._asked.close()
        self._process.wait()


def _read(descriptors: list[int], until: float) -> list[str]:
    """What comes out of each, to its end. Raises TimeoutError."""
    found = dict.fromkeys(descriptors, b"")
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    left = set(descriptors)
    try:
        while left:
            ready = poll.poll(max(0.0, until - time.monotonic()) * 1000)
            if not ready:
                raise TimeoutError
            for descriptor, _ in ready:
                if part := os.read(descriptor, 1 << 20):
                    found[descriptor] += part
                else:
                    poll.unregister(descriptor)
                    left.remove(descriptor)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return [text.decode().replace("\r\n", "\n").replace("\r", "\n") for text in found.values()]


def _become(message: bytes, streams: list[int]) -> NoReturn:
    """Go on as `python -m flakeproof`."""
    words, folder, environment = json.loads(message)
    for target, descriptor in enumerate(streams):
        os.dup2(descriptor, target)
    os.closerange(3, 100)
    _open_streams()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[0] = str(Path.cwd())
    sys.argv = [_MAIN, *words]
    from flakeproof.cli.app import main

    try:
        main()
    except BaseException:  # what only a defect of this module can be
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(70)


def _open_streams() -> None:
    """The three of them anew, as an interpreter does: those of before may have looked at what they are."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        old = getattr(sys, name)
        mode = "w" if number else "r"
        stream = os.fdopen(number, mode, 1 if number == 2 else -1, old.encoding, old.errors, closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def serve(asked: socket.socket) -> None:
    """Fork for each call until the other side has gone; answer with the process id, and then with how it ended."""
    while True:
        message, streams, _, _ = socket.recv_fds(asked, 1 << 20, 3)
        if not message:
            return
        pid = os.fork()
        if not pid:
            _become(message, streams)
        for descriptor in streams:
            os.close(descriptor)
        asked.send(str(pid).encode())
        asked.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())


def _import_all() -> None:
    """Everything that some command imports when it needs it."""
    import importlib
    import pkgutil

    modules: list[Any] = list(pkgutil.walk_packages(flakeproof.__path__, "flakeproof."))
    for module in modules:
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as error:
                if str(error.name).startswith("flakeproof"):  # others are of an extra that is not installed
                    raise
    runpy.run_path(_MAIN)


if __name__ == "__main__":
    _import_all()
    serve(socket.socket(fileno=int(sys.argv[1])))
