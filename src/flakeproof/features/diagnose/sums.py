"""Lines at which numbers are added up, so that their order matters to floats."""

import ast
from dataclasses import dataclass

_ADDING = frozenset({"sum", "reduce", "accumulate"})
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


@dataclass(frozen=True)
class Sum:
    """A line that adds."""

    line: int
    function: str
    one_by_one: bool
    """In a loop, in the order in which things come; else all at once."""


def sums(source: str) -> list[Sum]:
    """Those in functions of `source`; none where it cannot be read."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    found: set[Sum] = set()
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, _LOOPS):
                found |= {
                    Sum(inner.lineno, function.name, one_by_one=True)
                    for inner in ast.walk(node)
                    if isinstance(inner, ast.AugAssign) and isinstance(inner.op, ast.Add)
                }
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _ADDING:
                found.add(Sum(node.lineno, function.name, one_by_one=False))
    return sorted(found, key=lambda one: one.line)
