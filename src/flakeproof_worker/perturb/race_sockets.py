"""Have threads give way around what they do with sockets: between two calls there is always room for somebody else.

Where an event loop is running, a thread does not give way: that would hold up everything in the loop.
"""

import asyncio
import socket
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

_METHODS = (
    "connect",
    "connect_ex",
    "accept",
    "send",
    "sendall",
    "sendmsg",
    "sendto",
    "recv",
    "recv_into",
    "recvfrom",
    "recvfrom_into",
    "recvmsg",
    "shutdown",
    "close",
)
_OWN = "flakeproof_worker.channel"
"""The conversation with the coordinator: what it takes must not hang on a trial."""


def install(give_way: Callable[[], None]) -> None:
    """Have the sockets of this process do so."""
    owner: Any = socket.socket
    for name in _METHODS:
        if hasattr(owner, name):
            setattr(owner, name, _around(getattr(owner, name), give_way))


def _around(method: Callable[..., Any], give_way: Callable[[], None]) -> Callable[..., Any]:
    running_loop = asyncio._get_running_loop

    @wraps(method)
    def yielding(*arguments: Any, **named: Any) -> Any:
        if running_loop() is not None or sys._getframe(1).f_globals.get("__name__") == _OWN:
            return method(*arguments, **named)
        give_way()
        result = method(*arguments, **named)
        give_way()
        return result

    return yielding
