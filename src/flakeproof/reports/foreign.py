"""Make foreign text, such as names and output of tests, safe to show on a terminal or in Markdown."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from flakeproof.text import one_line
from flakeproof.version import __version__

_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
"""Select Graphic Rendition (ECMA-48, 8.3.117), which changes only the look of text."""
_UNFIT = (
    "[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U000dffff\U000e0080-\U0010ffff]"
    "|[\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
"""Control characters, characters that XML 1.0 forbids, and those that are invisible or change the direction of text."""
_RESET = "\x1b[0m"
_OLD_COMMAND = "##["


def fit(text: str) -> str:
    """`text` without a terminal's colours; characters that no document may contain become escapes (`\\x00`)."""
    if text.isprintable():  # no character that is escaped here is printable in Python's sense
        return text
    plain = _COLOUR.sub("", text)
    return _compiled(_UNFIT).sub(_escape, plain.replace("\r\n", "\n").replace("\r", "\n"))


def line_shown(text: str, *, keeps_colours: bool = False) -> str:
    """`text` as one line for a terminal or a log: like `fit`, with escapes for line ends.

    With `keeps_colours`, colours are kept, and reset at the end of the line.
    """
    if text.isprintable():  # no character that is escaped here is printable in Python's sense
        return text
    if not keeps_colours:
        return _line(_COLOUR.sub("", text))
    parts = [_line(part) for part in _COLOUR.split(text)]
    colours = _COLOUR.findall(text)
    kept = "".join(part + colour for part, colour in zip(parts, [*colours, ""], strict=True))
    return kept + _RESET if colours else kept


def no_command(line: str) -> str:
    """Escape `line` so that GitHub's runner takes it for text: commands begin with `::`, or contain `##[`."""
    if line.lstrip().startswith("::"):
        line = line.replace(":", "\\x3a", 1)
    return line.replace(_OLD_COMMAND, "#\\x23[")


def in_github_actions(environment: Mapping[str, str]) -> bool:
    """Whether this process is a step of GitHub Actions, and not a run inside a trial there."""
    return environment.get("GITHUB_ACTIONS") == "true" and "FLAKEPROOF_TRIAL" not in environment


def cut(text: str, limit: int) -> str:
    """`text`, or its beginning and end with together about `limit` characters if it is longer."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile when first needed: such wide ranges of characters take 10 ms, and most runs do not need them."""
    return re.compile(pattern)


def _line(text: str) -> str:
    return _compiled(_UNFIT).sub(_escape, text).replace("\n", "\\n")


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


_NAME = 200
_MEANING = r"[^A-Za-z0-9\s/,;=%?^\x80-\U0010ffff-]"
"""Characters that may have a meaning in Markdown, in HTML, or for GitHub."""
_MARKUP = re.compile(r"[<>&*_`\[\]|\\@$~#]")
"""Characters that would format a sentence, or make a link in it."""
_FENCE = re.compile(r"`{3,}")


def prose(text: str) -> str:
    """`text` as a paragraph: names of tests in it, which may contain anything, are not taken for markup."""
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", fit(text))


def code(text: str, limit: int = _NAME) -> str:
    """`text` on one line, as code; nothing in it is taken for Markdown, even in a table."""
    flat = one_line(fit(text), limit)
    if not flat:
        return ""
    if "`" not in flat and "|" not in flat and "\\" not in flat:
        return f"`{flat}`"
    return f"<code>{_compiled(_MEANING).sub(lambda found: f'&#{ord(found[0])};', flat)}</code>"


def fenced(lines: Iterable[str], language: str = "text") -> Iterator[str]:
    """`lines` as a block of code; its fence is longer than any fence in the lines."""
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
