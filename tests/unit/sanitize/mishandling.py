"""What can be done wrong with descriptors, one function each; the line to blame is marked. A program that tells all.

It runs in a process of its own: what watches cannot be taken out again.
"""

import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from flakeproof_worker.current import ALONE
from flakeproof_worker.sanitize.watch import TrialWatch


def closed_twice_by_number() -> None:
    """The bare number."""
    near, far = os.pipe()
    os.close(near)
    with suppress(OSError):
        os.close(near)  # guilty
    os.close(far)


def closed_behind_its_back() -> None:
    """An object will close it, too."""
    near, far = socket.socketpair()
    os.close(near.fileno())  # guilty
    with suppress(OSError):
        near.close()
    far.close()


def two_owners() -> None:
    """A file made of the number of a socket that still has it."""
    near, far = socket.socketpair()
    file = os.fdopen(near.fileno(), "wb")  # guilty
    near.close()
    with suppress(OSError):
        file.close()
    far.close()


def two_sockets() -> None:
    """A socket made of the number of another."""
    near, far = socket.socketpair()
    second = socket.socket(fileno=near.fileno())  # guilty
    second.close()
    with suppress(OSError):
        near.close()
    far.close()


def closed_by_its_finaliser() -> None:
    """The number is another's by the time that the file is collected."""
    near, far = socket.socketpair()
    file = os.fdopen(near.fileno(), "wb")  # guilty
    near.close()
    victim = socket.socket()
    assert victim.fileno() == file.fileno()
    del file
    with suppress(OSError):
        victim.close()
    far.close()


def passed_on() -> None:
    """Who loses a number closes the next one's in turn, and so on."""
    victims = [socket.socket()]
    os.close(victims[0].fileno())  # guilty
    for trial in (2, 3):
        ALONE[0] = (trial, 0)
        victims.append(socket.socket())
        ALONE[0] = (trial - 1, 0)
        victims[-2].close()
    ALONE[0] = (1, 0)
    with suppress(OSError):
        victims[-1].close()


def closed_of_another_trial() -> None:
    """A number that was another trial's, and is this one's again."""
    near, far = socket.socketpair()
    number = near.fileno()
    near.close()
    ALONE[0] = (2, 0)
    victim = socket.socket()
    assert victim.fileno() == number
    ALONE[0] = (1, 0)
    os.close(number)  # guilty
    with suppress(OSError):
        victim.close()
    far.close()


def used_after_close() -> None:
    """A bare number that is nobody's."""
    near, far = os.pipe()
    os.close(far)
    with suppress(OSError):
        os.write(far, b"x")  # guilty
    os.close(near)


def left_to_its_finaliser() -> None:
    """Never closed."""
    with tempfile.NamedTemporaryFile() as made:
        file = open(made.name)  # noqa: SIM115, PTH123 # guilty
        del file


def closed_by_a_thread() -> None:
    """In a thread that the trial has started."""
    near, far = os.pipe()
    os.close(near)

    def close() -> None:
        with suppress(OSError):
            os.close(near)  # guilty

    thread = threading.Thread(target=close)
    thread.start()
    thread.join()
    os.close(far)


def fine() -> None:
    """Everything that is done right."""
    near, far = socket.socketpair()
    with near, far:
        near.sendall(b"x")
        far.recv(1)
    pair = os.pipe()
    with os.fdopen(pair[0], "rb") as reader, os.fdopen(pair[1], "wb") as writer:
        writer.write(b"x")
        writer.close()
        reader.read()
    detached, other = socket.socketpair()
    again = socket.socket(fileno=detached.detach())
    again.close()
    other.close()
    number = os.open(os.devnull, os.O_RDONLY)
    os.close(number)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x")
        path.write_text("x")
        assert path.read_text() == "x"
        with open(path, "r+b", buffering=0) as raw, open(raw.fileno(), closefd=False) as borrowed:  # noqa: PTH123
            borrowed.read()
    subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, check=True)
    copy = os.dup(0)
    os.dup2(0, copy)
    os.close(copy)
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    accepted, _ = server.accept()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    secured = context.wrap_socket(client, do_handshake_on_connect=False)
    for one in (secured, accepted, server):
        one.close()


def duplicated() -> None:
    """Numbers that only look like another's: each copy has its own."""
    near, far = socket.socketpair()
    copy = near.dup()
    file = near.makefile("rwb")
    near.close()
    file.close()
    copy.close()
    far.close()


CASES = (
    closed_twice_by_number,
    closed_behind_its_back,
    two_owners,
    two_sockets,
    closed_by_its_finaliser,
    passed_on,
    closed_of_another_trial,
    used_after_close,
    left_to_its_finaliser,
    closed_by_a_thread,
    fine,
    duplicated,
)


def main() -> None:
    """Print what is seen of each."""
    watch = TrialWatch({"names": ["descriptors"], "fail_on_leak": False, "settle": 0.1, "allowed": []})
    found = {}
    for case in CASES:
        ALONE[0] = (1, 0)
        for trial in (1, 2):
            watch.begin(trial)
        case()
        for trial in (1, 2):
            watch.end(trial, None)
        found[case.__name__] = watch.tally.take()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
