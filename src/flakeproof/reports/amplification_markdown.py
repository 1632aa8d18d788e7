"""An amplification as Markdown, for an issue or a pull request."""

from collections.abc import Iterator

import flakeproof
from flakeproof.features.amplify import report as lines
from flakeproof.features.amplify.amplification import Amplification
from flakeproof.features.run.markdown import code
from flakeproof.text import duration


def render(found: Amplification) -> bytes:
    """The document."""
    return "\n".join([*_head(found), *_details(found), *_foot(found), ""]).encode()


def _head(found: Amplification) -> Iterator[str]:
    yield f"### flakeproof: what makes {code(found.target)} fail"
    yield ""
    yield lines.closing(found)
    yield ""
    if found.command:
        yield "```sh"
        yield found.command
        yield "```"
        yield ""


def _details(found: Amplification) -> Iterator[str]:
    yield "```text"
    yield from (line for line in lines.results(found) if line != f"Reproduce: {found.command}")
    yield "```"
    yield ""


def _foot(found: Amplification) -> Iterator[str]:
    yield f"<sub>Seed {found.seed}, {duration(found.elapsed)}; flakeproof {flakeproof.__version__}</sub>"
