"""Time limits of waits are longer within a trial, for the user's code alone."""

import asyncio
import importlib
import queue
import select
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from flakeproof_worker.perturb import patience as module
from flakeproof_worker.perturb.patience import LIMITED, Patience


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The limits that what waits was given; it does not wait. All is put back."""
    found: dict[str, Any] = {}
    originals = []
    for name, path, place, argument in LIMITED:
        owner: Any = importlib.import_module(name)
        *above, last = path.split(".")
        for part in above:
            owner = getattr(owner, part)
        originals.append((owner, last, getattr(owner, last)))

        def note(
            *arguments: Any, _of: str = f"{name}.{path}", _at: int = place, _as: str = argument, **named: Any
        ) -> None:
            found[_of] = named[_as] if _as in named else arguments[_at] if len(arguments) > _at else None

        setattr(owner, last, note)
    try:
        monkeypatch.setattr(module, "_is_users", lambda file: not file.startswith("/usr/lib"))
        yield found
    finally:
        for owner, last, original in originals:
            setattr(owner, last, original)


CALLS = """
def call(asyncio, threading, queue, select, subprocess, Future):
    threading.Event.wait(None, 0.1)
    threading.Thread.join(None, timeout=0.1)
    queue.Queue.get(None, True, 2)
    Future.result(None)
    asyncio.timeout(None)
    asyncio.wait_for(None, timeout=1.0)
    select.select([], [], [], 0)
    subprocess.Popen.wait(None, 5)
"""


def call(file: str) -> None:
    """Wait, as code of that file does."""
    names: dict[str, Any] = {}
    exec(compile(CALLS, file, "exec"), names)
    names["call"](asyncio, threading, queue, select, subprocess, Future)


def test_limits_are_longer(waited: dict[str, Any]) -> None:
    """So many times, but not by more than three seconds; what has no limit, or does not wait at all, stays so."""
    patience = Patience(10)
    patience.prepare()
    before = {
        "threading.Event.wait": 0.1,
        "threading.Thread.join": 0.1,
        "queue.Queue.get": 2,
        "concurrent.futures.Future.result": None,
        "asyncio.timeout": None,
        "asyncio.wait_for": 1.0,
        "select.select": 0,
        "subprocess.Popen.wait": 5,
    }
    call("/project/shop.py")
    assert waited == before, "no trial runs"
    patience.begin(1, 1)
    call("/usr/lib/python3.11/shop.py")
    assert waited == before, "a library waits as ever"
    call("/project/shop.py")
    assert waited == pytest.approx(
        {
            **before,
            "threading.Event.wait": 1.0,
            "threading.Thread.join": 1.0,
            "queue.Queue.get": 5.0,
            "asyncio.wait_for": 4.0,
            "subprocess.Popen.wait": 8.0,
        }
    )
    patience.end(1)
    call("/project/shop.py")
    assert waited == before
