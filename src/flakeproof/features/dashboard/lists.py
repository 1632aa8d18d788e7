"""Lists of any length: what is looked for in them, and the page of them that is asked for. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from flakeproof.text import number, plural

PAGE = 50
"""Rows of a list that are shown at once."""
Shown = dict[str, Any]
"""What a template needs of something."""


class NoSuchPageError(Exception):
    """Nothing is at this address; the message says what was looked for."""


def matches(text: str, wanted: str) -> bool:
    """Whether each of the words is in it, whatever their case."""
    low = text.lower()
    return all(word in low for word in wanted.lower().split())


def address_of(path: str, **words: str) -> str:
    """An address with its words; empty ones are left out."""
    given = {name: word for name, word in words.items() if word}
    return f"{path}?{urlencode(given, errors='replace')}" if given else path


def paged(rows: Sequence[Any], query: Mapping[str, str], address: str) -> tuple[Sequence[Any], Shown]:
    """The rows of the page that is asked for, and what leads to the others. Raises NoSuchPageError."""
    pages = max(1, -(-len(rows) // PAGE))
    text = query.get("page", "1")
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= pages):
        raise NoSuchPageError(f"this list has {plural(pages, 'page')}, and none of them is the one asked for")
    page = int(text)
    join = "&" if "?" in address else "?"
    return rows[(page - 1) * PAGE : page * PAGE], {
        "page": page,
        "pages": pages,
        "count": number(len(rows)),
        "first": number((page - 1) * PAGE + 1),
        "last": number(min(len(rows), page * PAGE)),
        "before": f"{address}{join}page={page - 1}" if page > 1 else "",
        "after": f"{address}{join}page={page + 1}" if page < pages else "",
    }
