"""Text that others have written, made fit to be shown on a terminal or in Markdown."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from flakeproof.text import one_line
from flakeproof.version import __version__

_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
"""Select Graphic Rendition (ECMA-48, 8.3.117): it changes how text looks, and nothing else."""
_UNFIT = (
    "[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U000dffff\U000e0080-\U0010ffff]"
    "|[\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
"""Control characters, what XML 1.0 does not allow, and what is invisible or turns the direction of writing."""
_RESET = "\x1b[0m"
_OLD_COMMAND = "##["


def fit(text: str) -> str:
    """`text` without the colours of a terminal; what cannot stand in a document is shown as an escape (`\\x00`)."""
    if text.isprintable():  # nothing that is escaped here is printable in Python's sense
        return text
    plain = _COLOUR.sub("", text)
    return _compiled(_UNFIT).sub(_escape, plain.replace("\r\n", "\n").replace("\r", "\n"))


def line_shown(text: str, *, keeps_colours: bool = False) -> str:
    """One line of `text` for a terminal or a log: as `fit`, and no line ends in it.

    With `keeps_colours` those are left in it, and end with it.
    """
    if text.isprintable():  # nothing that is escaped here is printable in Python's sense
        return text
    if not keeps_colours:
        return _line(_COLOUR.sub("", text))
    parts = [_line(part) for part in _COLOUR.split(text)]
    colours = _COLOUR.findall(text)
    kept = "".join(part + colour for part, colour in zip(parts, [*colours, ""], strict=True))
    return kept + _RESET if colours else kept


def no_command(line: str) -> str:
    """`line` such that GitHub's runner takes it for text: commands begin with `::`, or have `##[` anywhere."""
    if line.lstrip().startswith("::"):
        line = line.replace(":", "\\x3a", 1)
    return line.replace(_OLD_COMMAND, "#\\x23[")


def in_github_actions(environment: Mapping[str, str]) -> bool:
    """Whether this is a step of GitHub Actions, and not a run inside of a trial there."""
    return environment.get("GITHUB_ACTIONS") == "true" and "FLAKEPROOF_TRIAL" not in environment


def cut(text: str, limit: int) -> str:
    """The beginning and the end of `text`, together about `limit` characters, where it is longer."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compiled when first needed: such wide ranges of characters take 10 ms, and most runs show nothing foreign."""
    return re.compile(pattern)


def _line(text: str) -> str:
    return _compiled(_UNFIT).sub(_escape, text).replace("\n", "\\n")


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


_NAME = 200
_MEANING = r"[^A-Za-z0-9\s/,;=%?^\x80-\U0010ffff-]"
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
    return f"<code>{_compiled(_MEANING).sub(lambda found: f'&#{ord(found[0])};', flat)}</code>"


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
