"""A page: a template, a style of its own, and a policy that forbids everything else.

Everything that others have written is escaped by Jinja2 (autoescape) after it was made fit to be shown. The policy
(Content-Security-Policy, level 3) permits the one style by its hash; no script, no request, no form, no frame.
"""

import base64
import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from flakeproof.errors import UsageError
from flakeproof.reports.foreign import cut, fit
from flakeproof.reports.pages.parts import PageSection, PageText
from flakeproof.text import one_line, shortened
from flakeproof.version import __version__

_FOLDER = Path(__file__).parent
_NEEDED = {"jinja2": "jinja2", "vl_convert": "vl-convert-python"}
_NAME = 200
_CLOSING = 2_000
_WORDS = 60_000
_LINE = 600


def check_html(option: str) -> None:
    """Raise UsageError where pages cannot be made; `option` is how one was asked for."""
    missing = [package for module, package in _NEEDED.items() if find_spec(module) is None]
    if missing:
        raise UsageError(
            f"{option} needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed",
            "install it: pip install 'flakeproof[html]'",
        )


def name_shown(text: str, limit: int = _NAME) -> str:
    """A name that others have given, as one line."""
    return fit(one_line(text, limit))


def text_shown(text: str, limit: int) -> str:
    """Lines that others have written, the middle left out where there are too many."""
    return fit(cut(text, limit))


@cache
def templates(*folders: Path) -> Any:
    """The environment of Jinja2 in which every page is made: templates in `folders`, then those beside this module."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, _FOLDER]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["name"] = name_shown
    made.filters["text"] = text_shown
    made.filters["command"] = lambda text: fit(text).replace("\n", " ")
    return made


def findings_page(
    *,
    verdict: str,
    tone: str,
    closing: str,
    target: str,
    said: str,
    facts: Iterable[tuple[str, str]],
    sections: Iterable[PageSection],
    words: str,
    foot: str,
) -> bytes:
    """The page of a command that has found something: the answer, facts, sections, and what a terminal shows.

    `tone` is good, bad or warn; `said` is the command and when it ran; a section without parts is left out.
    """
    kept = [section for section in sections if section.parts]
    lines = "\n".join(shortened(line, _LINE) for line in words.splitlines())
    in_words = PageSection("In words", [PageText("In words", text_shown(lines, _WORDS))])
    return render_page(
        "page.html",
        verdict=verdict,
        tone=tone,
        closing=text_shown(closing, _CLOSING),
        target=target,
        said=said,
        facts=list(facts),
        sections=[*kept, in_words],
        foot=foot,
    )


@cache
def shared_style() -> str:
    """The style that all pages have."""
    return (_FOLDER / "style.css").read_text(encoding="utf-8")


def source_of(style: str) -> str:
    """How a policy names a `style` that stands in the page itself."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def render_page(template: str, **what: Any) -> bytes:
    """The page that `template`, a file beside this one, makes of `what`."""
    from markupsafe import Markup

    style = shared_style()
    policy = f"default-src 'none'; style-src {source_of(style)}; base-uri 'none'; form-action 'none'"
    text = (
        templates()
        .get_template(template)
        .render(
            style=Markup(style),
            policy=policy,
            version=__version__,
            **what,
        )
    )
    return str(text).encode("utf-8", "replace")
