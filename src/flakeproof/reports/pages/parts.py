"""What a page is made of: sections, and in them charts, tables, code, commands and words.

All text in them is as others have written it; the template makes it fit to be shown, and escapes it.
"""

import linecache
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from flakeproof.text import shown_path

_AROUND = 6
_CODE_WIDTH = 300


@dataclass(frozen=True)
class PageChart:
    """A picture with what it shows in words, and in numbers."""

    kind: ClassVar[str] = "chart"
    svg: Any
    caption: str
    heads: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class PageTable:
    """Rows of cells; a cell is text, or a text and its tone: good, bad, warn."""

    kind: ClassVar[str] = "table"
    label: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str | tuple[str, str]]]
    numbers: Sequence[int] = ()
    """The columns of numbers, from 0."""
    more: str = ""
    """What is not in it."""


@dataclass(frozen=True)
class PageCode:
    """Lines of a file with their numbers, some of them marked."""

    kind: ClassVar[str] = "code"
    label: str
    lines: Sequence[tuple[int, str, bool]]
    """Number, text, whether it is marked."""
    said: str = ""


@dataclass(frozen=True)
class PageWords:
    """Paragraphs, or with `is_list` the items of a list, `is_ordered` of one with numbers."""

    kind: ClassVar[str] = "words"
    lines: Sequence[str]
    is_list: bool = False
    is_ordered: bool = False
    is_quiet: bool = False


@dataclass(frozen=True)
class PageCommand:
    """What may be typed."""

    kind: ClassVar[str] = "command"
    label: str
    command: str


@dataclass(frozen=True)
class PageText:
    """Lines as a terminal shows them."""

    kind: ClassVar[str] = "text"
    label: str
    text: str


@dataclass(frozen=True)
class PageFold:
    """What is shown when its first line is chosen."""

    kind: ClassVar[str] = "fold"
    title: str
    said: str
    parts: Sequence[Any]
    is_open: bool = False


Part = PageChart | PageTable | PageCode | PageWords | PageCommand | PageText | PageFold


@dataclass(frozen=True)
class PageSection:
    """A heading and what stands below it; without a title it belongs to the answer."""

    title: str
    parts: Sequence[Part]


def code_around(file: str, line: int, said: str = "") -> list[PageCode]:
    """The lines around a place, which is marked; nothing where the file cannot be read."""
    if not linecache.getline(file, line).strip():
        return []
    first = max(1, line - _AROUND)
    texts = [linecache.getline(file, number) for number in range(first, line + _AROUND + 1)]
    while texts and not texts[-1].strip():
        texts.pop()
    rows = [
        (number, text.rstrip().expandtabs(4)[:_CODE_WIDTH], number == line) for number, text in enumerate(texts, first)
    ]
    return [PageCode(f"{shown_path(file)}:{line}", rows, said)]


def listed(lines: Iterable[str], most: int = 100) -> PageWords:
    """A list of at most so many `lines`."""
    every = list(lines)
    kept = every[:most]
    if len(every) > most:
        kept.append(f"… {len(every) - most} more: see --json")
    return PageWords(kept, is_list=True)
