"""Targets that end the process which several trials share; which of them do hangs on their numbers, or on chance."""

import asyncio
import ctypes
import os
import signal
import threading
import time
from pathlib import Path

from flakeproof import current_trial

LIBC = ctypes.CDLL(None)


def is_killer() -> bool:
    return current_trial().number % 20 == 3


def exits() -> None:
    if is_killer():
        os._exit(1)
    time.sleep(0.002)


def kills_itself() -> None:
    if is_killer():
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.002)


def segfaults() -> None:
    if is_killer():
        ctypes.string_at(0)
    time.sleep(0.002)


def leaves_no_trace() -> None:
    if is_killer():
        LIBC._exit(1)
    time.sleep(0.002)


def segfaults_elsewhere() -> None:
    if is_killer():
        thread = threading.Thread(target=ctypes.string_at, args=(0,))
        thread.start()
        thread.join()
    time.sleep(0.002)


async def segfaults_in_a_task() -> None:
    await asyncio.sleep(0.002)
    if is_killer():
        ctypes.string_at(0)


def once() -> None:
    """Ends the process without a trace, once in all: nobody can tell afterwards which trial did it."""
    here = threading.local()
    here.number = current_trial().number
    if here.number == 7:
        try:
            Path(os.environ["ONCE"]).touch(exist_ok=False)
        except FileExistsError:
            pass
        else:
            time.sleep(0.02)
            LIBC._exit(1)
    time.sleep(0.05)
