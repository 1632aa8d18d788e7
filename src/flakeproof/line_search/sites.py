"""What the source says of a line: whether its function goes on to write something that others may see."""

import ast
from functools import lru_cache
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef


def writes_from(file: str, line: int) -> bool:
    """Whether the function around `line` writes to an attribute or an item on it or below; False where unknown."""
    inner: Function | None = None
    for function in _functions(file):
        if function.lineno <= line <= (function.end_lineno or 0) and (inner is None or function.lineno > inner.lineno):
            inner = function
    return inner is not None and any(
        isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store) and node.lineno >= line
        for node in ast.walk(inner)
    )


@lru_cache(maxsize=64)
def _functions(file: str) -> list[Function]:
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return []
    return [node for node in ast.walk(tree) if isinstance(node, Function)]
