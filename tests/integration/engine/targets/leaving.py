"""Targets that leave processes behind; the unique argument of each makes them easy to find."""

import os
import subprocess
import sys
import time

import flakeproof


def _sleeper() -> list[str]:
    return [sys.executable, "-c", "import time; time.sleep(1000)", os.environ["LEAVING_MARK"]]


def child() -> None:
    """Leave a child running."""
    subprocess.Popen(_sleeper())


def session() -> None:
    """Leave a child in a session of its own."""
    subprocess.Popen(_sleeper(), start_new_session=True)


def daemon() -> None:
    """Leave a daemon: double fork with setsid, without our environment."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    os.execve(sys.executable, _sleeper(), {})


def orphan() -> None:
    """Leave an orphan that ends at once, for somebody else to reap."""
    subprocess.run(["sh", "-c", "(exec true) &"], check=True)


def waiting() -> None:
    """Start a child and wait for ever."""
    subprocess.run(_sleeper(), check=True)


def slow() -> None:
    """Take a while; fail in the twentieth trial."""
    time.sleep(0.005)
    assert flakeproof.current_trial().number != 20


def first_hangs() -> None:
    """Hang in the first trial, fail in the second."""
    if flakeproof.current_trial().number == 1:
        time.sleep(1000)
    raise AssertionError
