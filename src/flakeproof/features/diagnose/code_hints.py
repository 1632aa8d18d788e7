"""What the text of the code, or of a failure, tells: where the order of a set gets out, where numbers are added up."""

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import combinations

_TURNING = frozenset({"list", "tuple", "enumerate", "iter", "zip", "map", "filter", "reversed", "deque", "chain"})
"""What gives out elements in the order in which it gets them; `sorted`, `len`, `min` and the like do not."""
_ADDING = frozenset({"sum", "reduce", "fsum"})
_NAMES = frozenset({"set", "frozenset"})
_MAKING = frozenset({"union", "intersection", "difference", "symmetric_difference", "copy"})
_SUMMING = frozenset({"sum", "reduce", "accumulate"})
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_FLOAT = re.compile(r"(?<![\w.])[-+]?\d+\.\d+(?:e[-+]?\d+)?(?![\w.])", re.IGNORECASE)
_CLOSE = 1e-9
_MOST_FLOATS = 20
_OPERATORS = (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)


@dataclass(frozen=True)
class Leak:
    """A line at which the order of a set gets out."""

    line: int
    function: str


def leaks(source: str, known: Collection[tuple[str, str]] = (), giving: Collection[str] = ()) -> list[Leak]:
    """Those in `source`; `known` are functions and their variables that have been seen to hold sets.

    `giving` are functions that have been seen to return sets.

    Source that cannot be read has none.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    shared = _assigned(tree.body, frozenset(f"{name}()" for name in giving))
    found = [Leak(line, "<module>") for line in _in_body(tree.body, shared)]
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            seen = {variable for name, variable in known if name == function.name}
            names = _assigned(function.body, shared | seen)
            found += [Leak(line, function.name) for line in _in_body(function.body, names)]
    return sorted(set(found), key=lambda leak: leak.line)


def _own(nodes: list[ast.stmt]) -> Iterator[ast.AST]:
    """Nodes below `nodes` without those of functions and classes defined there."""
    waiting: list[ast.AST] = list(nodes)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def _assigned(body: list[ast.stmt], names: frozenset[str] | set[str]) -> frozenset[str]:
    """`names` and those that are bound to a set in `body`."""
    found = set(names)
    for node in _own(body):
        targets: list[ast.expr] = []
        value: ast.expr | None = None
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign):
            targets, value = [node.target], node.value
        if value is not None and _is_set(value, found):
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return frozenset(found)


def _is_set(node: ast.expr, names: Collection[str]) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Name(id=name):
            return name in names
        case ast.Attribute(attr=name):
            return name in names
        case ast.Call(func=ast.Name(id=name)):
            return name in _NAMES or f"{name}()" in names
        case ast.Call(func=ast.Attribute(value=owner, attr=name)):
            return (name in _MAKING and _is_set(owner, names)) or f"{name}()" in names
        case ast.BinOp(left=left, op=operator, right=right):
            return isinstance(operator, _OPERATORS) and (_is_set(left, names) or _is_set(right, names))
    return False


def _in_body(body: list[ast.stmt], names: Collection[str]) -> Iterator[int]:
    for node in _own(body):
        match node:
            case ast.For(iter=iterated) | ast.AsyncFor(iter=iterated) if _is_set(iterated, names):
                yield node.lineno
            case ast.ListComp(generators=generators) | ast.DictComp(generators=generators):
                yield from (node.lineno for one in generators if _is_set(one.iter, names))
            case ast.Call(func=ast.Name(id=name), args=arguments) if name in _TURNING | _ADDING:
                yield from (node.lineno for one in arguments if _is_set(one, names) or _is_stream(one, names))
            case ast.Call(func=ast.Attribute(attr="join" | "extend" | "fromkeys" | "reduce"), args=arguments):
                yield from (node.lineno for one in arguments if _is_set(one, names) or _is_stream(one, names))
            case ast.Call(func=ast.Attribute(value=owner, attr="pop"), args=[]) if _is_set(owner, names):
                yield node.lineno
            case ast.Starred(value=value) if _is_set(value, names):
                yield value.lineno


def _is_stream(node: ast.expr, names: Collection[str]) -> bool:
    return isinstance(node, ast.GeneratorExp) and any(_is_set(one.iter, names) for one in node.generators)


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
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _SUMMING:
                found.add(Sum(node.lineno, function.name, one_by_one=False))
    return sorted(found, key=lambda one: one.line)


def nearly_equal(message: str) -> tuple[str, str] | None:
    """Two different floats in `message` that agree to nine digits and more, as sums in two orders do."""
    found = list(dict.fromkeys(_FLOAT.findall(message)))[:_MOST_FLOATS]
    for one, other in combinations(found, 2):
        first, second = float(one), float(other)
        if first != second and abs(first - second) <= _CLOSE * max(abs(first), abs(second)):
            return one, other
    return None
