"""What the Markdown documents of all features share."""

import re
from collections.abc import Iterable, Iterator

from flakeproof.reports.foreign import fit
from flakeproof.text import one_line
from flakeproof.version import __version__

_NAME = 200
_MEANING = re.compile(r"[^A-Za-z0-9\s/,;=%?^\x80-\U0010ffff-]")
"""Characters that mean something in Markdown, HTML, or to GitHub."""
_MARKUP = re.compile(r"[<>&*_`\[\]|\\@$~#]")
"""Those that would format a sentence, or make a link of a part of it."""
_FENCE = re.compile(r"`{3,}")


def prose(text: str) -> str:
    """`text` as a paragraph: names of tests in it, which may hold anything, mean nothing to Markdown or HTML."""
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", fit(text))


def code(text: str, limit: int = _NAME) -> str:
    """`text` on one line, as code; whatever is in it means nothing to Markdown, also in a table."""
    flat = one_line(fit(text), limit)
    if not flat:
        return ""
    if "`" not in flat and "|" not in flat and "\\" not in flat:
        return f"`{flat}`"
    return f"<code>{_MEANING.sub(lambda found: f'&#{ord(found[0])};', flat)}</code>"


def fenced(lines: Iterable[str], language: str = "text") -> Iterator[str]:
    """`lines` as a block of code; the fence is longer than any that stands in them."""
    rows = [fit(line) for line in lines]
    longest = max((len(found[0]) for row in rows for found in _FENCE.finditer(row)), default=2)
    fence = "`" * (longest + 1)
    yield f"{fence}{language}"
    yield from rows
    yield fence
    yield ""


def findings(title: str, conclusion: str, lines: Iterable[str], foot: str, command: str = "") -> bytes:
    """The document of a feature whose result is a block of lines.

    The conclusion comes first, then the `command` that shows it, the lines, and the `foot` in small print.
    """
    rows = [f"### flakeproof: {title}", "", prose(conclusion), ""]
    if command:
        rows += fenced([command], "sh")
    rows += fenced(lines)
    rows += [f"<sub>{foot}; flakeproof {__version__}</sub>", ""]
    return "\n".join(rows).encode()
