"""Lines of Python at which threads and tasks meet, by their text: what they start, wait for, hand over, and give up."""

import ast
from functools import lru_cache
from pathlib import Path

_CALLED = frozenset(
    {
        *("start", "join", "submit", "map", "as_completed", "create_task", "ensure_future", "gather", "run"),
        *(
            "run_coroutine_threadsafe",
            "run_in_executor",
            "to_thread",
            "call_soon",
            "call_soon_threadsafe",
            "call_later",
        ),
        *("wait", "wait_for", "sleep", "result", "done", "cancel", "shutdown", "stop", "close", "throw"),
        *("set", "clear", "is_set", "notify", "notify_all", "acquire", "release", "locked", "set_result"),
        *("set_exception", "add_done_callback", "put", "put_nowait", "get", "get_nowait", "task_done", "empty", "full"),
        *("send", "sendall", "sendto", "recv", "recv_into", "recvfrom", "connect", "accept", "listen", "read"),
        *("readline", "write", "drain", "flush", "select", "poll", "kill", "terminate", "communicate"),
    }
)
"""Names of functions and methods; a few of them mean other things as well, which costs a pause there."""


@lru_cache(maxsize=64)
def meeting_lines(file: str) -> frozenset[int]:
    """The lines of statements in `file` that may do so, each with the first line of the statement behind it.

    Nothing where the file cannot be read.
    """
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return frozenset()
    found: set[int] = set()
    for node in ast.walk(tree):
        for block in ("body", "orelse", "finalbody"):
            statements = getattr(node, block, None)
            if isinstance(statements, list):
                found |= _in_block([one for one in statements if isinstance(one, ast.stmt)])
    return frozenset(found)


def _in_block(statements: list[ast.stmt]) -> set[int]:
    found: set[int] = set()
    for place, statement in enumerate(statements):
        lines = {line for part in _head(statement) for node in ast.walk(part) if (line := _met_at(node))}
        if isinstance(statement, ast.AsyncFor | ast.AsyncWith):
            lines.add(statement.lineno)
        if lines:
            found |= {statement.lineno, *lines}
            inner = getattr(statement, "body", [])
            found |= {following.lineno for following in (*statements[place + 1 : place + 2], *inner[:1])}
    return found


def _head(statement: ast.stmt) -> list[ast.AST]:
    """What of a statement is no statement itself."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return []
    return [part for part in ast.iter_child_nodes(statement) if not isinstance(part, ast.stmt | ast.ExceptHandler)]


def _met_at(node: ast.AST) -> int:
    """The line of an expression that waits, or calls one of those; 0 for any other."""
    if isinstance(node, ast.Await):
        return node.lineno
    if not isinstance(node, ast.Call):
        return 0
    name = str(getattr(node.func, "attr", "") or getattr(node.func, "id", ""))
    return node.lineno if name in _CALLED or name.endswith(("Thread", "Process", "Timer")) else 0
