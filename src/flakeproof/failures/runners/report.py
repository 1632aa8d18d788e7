"""What the output of a program tells of tests, and the protocol of those that read it."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from textwrap import dedent
from typing import Protocol

_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
_PREVIEW = 12
"""Lines of a preview, at most."""


@dataclass(frozen=True)
class FailedTest:
    """One failure that an output tells of."""

    name: str
    """The test's own name, as its runner spells it; empty where no test is named."""
    message: str
    """What went wrong, in one line."""
    place: str = ""
    """`file:line`, as far as it is told."""
    lines: Sequence[str] = ()
    """The part of the output that tells of it."""

    @property
    def title(self) -> str:
        """One line: what failed, and how."""
        return ": ".join(part for part in (self.name, self.message) if part)

    @property
    def preview(self) -> list[str]:
        """The first of its lines, without those that are empty."""
        return dedent("\n".join(line for line in self.lines if line.strip())).splitlines()[:_PREVIEW]


@dataclass(frozen=True)
class Report:
    """All that one output tells of tests."""

    failed: list[FailedTest]
    passed: list[str] = field(default_factory=list)
    """Names of tests that passed, where the runner names them."""
    skipped: list[str] = field(default_factory=list)
    complete: bool = True
    """Whether the runner came to its end; if not, a test that is not named may not have run."""


class ProgramOutput:
    """What a program has written, without colours and trailing blanks."""

    def __init__(self, text: str) -> None:
        self.lines = [_COLOUR.sub("", line).rstrip() for line in text.splitlines()]

    @cached_property
    def text(self) -> str:
        """All lines, for a quick look at whether a word occurs."""
        return "\n".join(self.lines)


class Reader(Protocol):
    """Reads the reports of one family of test runners."""

    def __call__(self, output: ProgramOutput, /) -> Report | None:
        """What `output` tells; None if it has no failure in a form that this reader knows."""


def failed_test(name: str, message: str | Iterable[str], place: str, lines: Sequence[str]) -> FailedTest:
    """A failure whose `message` may have several lines."""
    text = message if isinstance(message, str) else " ".join(message)
    return FailedTest(name, " ".join(text.split()) or "failed", place, list(lines))


def matches(pattern: re.Pattern[str], lines: Sequence[str]) -> Iterator[tuple[int, re.Match[str]]]:
    """Each line that `pattern` matches from its beginning, with its index."""
    return ((index, match) for index, line in enumerate(lines) if (match := pattern.match(line)))


def first_match(pattern: re.Pattern[str], lines: Sequence[str]) -> tuple[int, re.Match[str]] | None:
    """The first of `matches`."""
    return next(matches(pattern, lines), None)


def until(lines: Sequence[str], start: int, end: Callable[[str], object]) -> list[str]:
    """Lines from `start` up to the first for which `end` holds."""
    stop = next((index for index in range(start, len(lines)) if end(lines[index])), len(lines))
    return list(lines[start:stop])


def indent_of(line: str) -> int:
    """Blanks at the beginning of `line`."""
    return len(line) - len(line.lstrip())


def deeper(lines: Sequence[str], indent: int) -> list[str]:
    """The first of `lines` that are empty or indented by more than `indent`."""
    return until(lines, 0, lambda line: line and indent_of(line) <= indent)
