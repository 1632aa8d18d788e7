"""What a code object does where: at which lines it awaits, and where a line writes what others may see."""

import dis
from dataclasses import dataclass, field
from types import CodeType

_COROUTINE_FLAGS = 0x80 | 0x100 | 0x200  # inspect.CO_COROUTINE, CO_ITERABLE_COROUTINE, CO_ASYNC_GENERATOR
_AWAITS = {"SEND", "YIELD_VALUE", "GET_AWAITABLE", "GET_ANEXT"}
_WRITES = {"STORE_ATTR", "STORE_SUBSCR", "STORE_GLOBAL", "STORE_DEREF"}
_READS = ("LOAD_ATTR", "LOAD_METHOD", "LOAD_GLOBAL", "LOAD_DEREF", "BINARY_SUBSCR", "CALL", "PRECALL")


@dataclass
class Steps:
    """The places in a code object at which others may get in between."""

    is_coroutine: bool
    awaits: set[int] = field(default_factory=set)
    """Lines of a coroutine on which it may be suspended."""
    writes: dict[int, int] = field(default_factory=dict)
    """Of plain code: offset of each instruction that writes to an attribute, an item, or a variable of an outer scope,
    on a line that has read or called something before; and the line."""


def steps_of(code: CodeType) -> Steps:
    """Look through the instructions of `code`."""
    found = Steps(is_coroutine=bool(code.co_flags & _COROUTINE_FLAGS))
    has_read: set[int] = set()
    for instruction in dis.get_instructions(code):
        line = instruction.positions.lineno if instruction.positions is not None else None
        if line is None:
            continue
        if found.is_coroutine:
            if instruction.opname in _AWAITS:
                found.awaits.add(line)
        elif instruction.opname in _WRITES:
            if line in has_read:
                found.writes[instruction.offset] = line
        elif instruction.opname.startswith(_READS):
            has_read.add(line)
    return found
