"""What an item tells of its failure that is no Python function: a doctest, a notebook's cell, a file of a plugin's own.

Its exception says little there ("DocTestFailure: <DocTest …>"), and was raised in code that is not the user's: the item
has its own way to report it, which pytest has called already.
"""

import importlib
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from flakeproof_worker.failure import message_of

_pytest: Any = importlib.import_module("pytest")
_CODES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_HEADLINE = 160
_EXAMPLE = 60
_TEXT = 8_000


def reported_by(item: Any, error: BaseException, longrepr: Any, described: dict[str, Any]) -> dict[str, Any]:
    """The failure as `item` reports it; as the exception was `described` where it has no way of its own."""
    if isinstance(item, _pytest.Function) or not isinstance(item, _pytest.Item):
        return described
    if str(type(item).repr_failure.__module__) == "_pytest.nodes":
        return described
    text = _CODES.sub("", str(longrepr)).strip()[:_TEXT]
    place, headline = _of_doctest(item, error) or (_place(item), " ".join(text.split()))
    shown = headline if len(headline) <= _HEADLINE else f"{headline[: _HEADLINE - 1]}…"
    return {**described, "message": f"{shown}\n{text}", "frames": [place]}


def _place(item: Any) -> tuple[str, int, str]:
    return str(item.path), (item.location[1] or 0) + 1, str(item.name)


def _of_doctest(item: Any, error: BaseException) -> tuple[tuple[str, int, str], str] | None:
    """Place and headline of a failure in a doctest; None for anything else."""
    if not type(item).__name__.startswith("Doctest"):
        return None
    failures: Sequence[Any] = getattr(error, "failures", None) or [error]
    first = failures[0]
    with suppress(AttributeError):
        example, test = first.example, first.test
        source = " ".join(example.source.split())
        if hasattr(first, "got"):
            found = f"expected {_one_line(example.want)}, got {_one_line(first.got)}"
        else:
            raised = first.exc_info[1]
            found = f"{type(raised).__name__}: {_one_line(message_of(raised))}"
        more = f", and {len(failures) - 1} more" if len(failures) > 1 else ""
        line = (test.lineno or 0) + example.lineno + 1
        # The example stands for the function: two of them are two kinds, even if they differ in numbers only.
        return (str(test.filename), line, source[:_EXAMPLE]), f"{source}: {found}{more}"
    return None


def _one_line(text: str) -> str:
    return " ".join(text.split()) or "nothing"
