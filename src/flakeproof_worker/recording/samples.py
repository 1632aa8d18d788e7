"""Which variables a line reads, which lines write what others may see, and values as facts that can be compared."""

import dis
from dataclasses import dataclass
from itertools import islice
from types import CodeType
from typing import Any

_LONGEST = 60
_SHOWN = 4
"""Elements of a set of which the order is noted."""
_COUNTED: tuple[type, ...] = (list, tuple, dict, set, frozenset, bytes, bytearray, str)
_ORDERED_BY_HASH: tuple[type, ...] = (set, frozenset)
_BIGGEST = 2**53

Fact = bool | int | float | str | None
"""A number is compared by size, anything else by equality."""


def facts_of(name: str, value: Any) -> list[tuple[str, Fact]]:
    """Facts about `value`, each with its name: the value of a scalar, the length of a container, else the type.

    Only exact builtin types are looked into: a subclass could run code of the user.
    """
    kind = type(value)
    if value is None or kind is bool:
        return [(name, value)]
    if kind is int:
        return [(name, value if -_BIGGEST < value < _BIGGEST else f"{value.bit_length()} bits")]
    if kind is float:
        return [(name, value if value - value == 0 else repr(value))]  # infinities and nan are no numbers to compare
    if kind is str and len(value) <= _LONGEST:
        return [(name, repr(value))]
    if kind in _COUNTED:
        found: list[tuple[str, Fact]] = [(f"len({name})", len(value))]
        if kind in _ORDERED_BY_HASH and len(value) > 1:
            found.append((f"the order of {name}", ", ".join(_shown(one) for one in islice(value, _SHOWN))))
        return found
    return [(f"type({name})", kind.__name__)]


def attribute_of(owner: Any, name: str) -> tuple[bool, Any]:
    """Whether `owner` has an attribute `name` in its own dictionary, and its value; no property or descriptor runs."""
    try:
        held = object.__getattribute__(owner, "__dict__")
    except Exception:
        return False, None
    if type(held) is dict and name in held:
        return True, held[name]
    return False, None


def _shown(value: Any) -> str:
    if type(value) in (str, int, float, bytes, bool, type(None)):
        return repr(value)[:_LONGEST]
    return type(value).__name__


_WRITES = ("STORE_ATTR", "STORE_SUBSCR", "STORE_GLOBAL", "STORE_DEREF", "DELETE_SUBSCR", "DELETE_ATTR")
_LOCALS = ("LOAD_FAST", "LOAD_DEREF", "LOAD_CLASSDEREF")
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")
_COROUTINE_FLAGS = 0x80 | 0x100 | 0x200  # inspect.CO_COROUTINE, CO_ITERABLE_COROUTINE, CO_ASYNC_GENERATOR
_GENERATOR = 0x20


@dataclass(frozen=True)
class Sample:
    """A variable, or an attribute of one."""

    owner: str
    attribute: str = ""

    @property
    def name(self) -> str:
        """As it is written in the code."""
        return f"{self.owner}.{self.attribute}" if self.attribute else self.owner


@dataclass
class CodeFacts:
    """What is known of one code object before it runs."""

    file: str
    function: str
    first_line: int
    samples: dict[int, tuple[Sample, ...]]
    """By line, what it reads."""
    writes: frozenset[int]
    """Lines that write to an attribute, an item, or a variable of an outer scope: what others may see."""
    suspends: bool
    """Whether it is a generator or a coroutine."""
    intermediate: dict[int, str]
    """Offset of the instruction after which an intermediate value of a rewritten assertion is known: its variable."""
    columns: dict[int, tuple[int, int, int, int]]
    """By the same offsets: lines and columns of the expression, where they are known."""


def facts_about(code: CodeType) -> CodeFacts:
    """Look through the instructions of `code`."""
    loads: dict[int, dict[Sample, None]] = {}
    writes: set[int] = set()
    intermediate: dict[int, str] = {}
    columns: dict[int, tuple[int, int, int, int]] = {}
    previous: dis.Instruction | None = None
    for instruction in dis.get_instructions(code):
        line = instruction.positions.lineno if instruction.positions is not None else None
        name = instruction.argval if isinstance(instruction.argval, str) else ""
        if line is not None:
            if instruction.opname in _WRITES:
                writes.add(line)
            if instruction.opname.startswith(_LOCALS):
                for part in _names(instruction):
                    if not part.startswith("@"):
                        loads.setdefault(line, {})[Sample(part)] = None
            elif instruction.opname in _ATTRIBUTES and previous is not None and _names(previous):
                loads.setdefault(line, {})[Sample(_names(previous)[-1], name)] = None
        keeps = instruction.opname == "STORE_FAST" and name.startswith("@py_assert")
        if keeps and previous is not None and previous.opname != "LOAD_CONST":
            intermediate[instruction.offset] = name
            where = previous.positions
            if where is not None and None not in where:
                lines = where.lineno or 0, where.end_lineno or 0
                columns[instruction.offset] = *lines, where.col_offset or 0, where.end_col_offset or 0
        if instruction.opname not in ("CACHE", "EXTENDED_ARG", "NOP"):
            previous = instruction
    return CodeFacts(
        file=code.co_filename,
        function=code.co_qualname.replace("<locals>.", ""),
        first_line=code.co_firstlineno,
        samples={line: tuple(found) for line, found in loads.items()},
        writes=frozenset(writes),
        suspends=bool(code.co_flags & (_COROUTINE_FLAGS | _GENERATOR)),
        intermediate=intermediate,
        columns=columns,
    )


def _names(instruction: dis.Instruction) -> list[str]:
    """Names of local variables that `instruction` loads: 3.13 loads two at once."""
    if not instruction.opname.startswith(_LOCALS):
        return []
    value = instruction.argval
    return [value] if isinstance(value, str) else [part for part in value if isinstance(part, str)]
