"""One failure in full: the traceback with its source lines, what it was caused by, stacks, output."""

import linecache
from collections.abc import Iterator
from typing import Any

from flakeproof.model import Failure


def failure_details(failure: Failure) -> Iterator[str]:
    """Lines; source is read here, in the coordinator, and never in the process of the trial."""
    if exception := failure.details.get("exception"):
        yield from _exception(exception)
    if stacks := failure.details.get("stacks"):
        yield "Stacks at the time:"
        yield from stacks.splitlines()
    if failure.output:
        yield "Output of the test:"
        yield from failure.output.splitlines()


def _exception(details: dict[str, Any], indent: str = "") -> Iterator[str]:
    if cause := details.get("cause"):
        yield from _exception(cause, indent)
        yield f"{indent}… which led to:"
    yield f"{indent}Traceback (most recent call last):"
    for file, line, function in details["frames"]:
        yield f'{indent}  File "{file}", line {line}, in {function}'
        if source := linecache.getline(file, line).strip():
            yield f"{indent}    {source}"
    yield f"{indent}{details['type']}: {details['message']}"
    for inner in details.get("inner", []):
        yield from _exception(inner, indent + "  | ")
