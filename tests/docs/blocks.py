"""The blocks of code in README.md and docs: what is typed, what it prints, and whether a test runs it.

An HTML comment on the line above a block says what a test does with its commands:

- `<!-- run in FOLDER -->`: they are run in a copy of FOLDER, and print what stands there, apart from numbers;
- `<!-- not run: REASON -->`: only the words of flakeproof's own commands are checked.

`python -m tests.docs.blocks` lists the commands that are not run, with the reasons.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_BLOCK = re.compile(
    r"(?:^<!-- (?P<word>run in|not run:) (?P<rest>[^\n]*?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.M | re.S,
)
_TYPED = {"console", "bash"}
"""Languages of blocks that hold commands."""


@dataclass(frozen=True)
class Block:
    """A block of a page, and what its comment says."""

    page: str
    line: int
    language: str
    text: str
    folder: str | None
    """Where its commands are run, from the root of the repository."""
    reason: str | None
    """Why they are not run."""

    @property
    def place(self) -> str:
        """Page and line."""
        return f"{self.page}:{self.line}"


@dataclass
class Typed:
    """A command, and the lines that stand below it."""

    command: str
    output: list[str] = field(default_factory=list)


def blocks() -> Iterator[Block]:
    """All blocks of all pages, in order."""
    for page in PAGES:
        text = page.read_text()
        for found in _BLOCK.finditer(text):
            rest = found["rest"]
            yield Block(
                str(page.relative_to(ROOT)),
                text.count("\n", 0, found.start("language")) + 1,
                found["language"],
                found["text"],
                rest if found["word"] == "run in" else None,
                rest if found["word"] == "not run:" else None,
            )


def typed(block: Block) -> list[Typed]:
    """Its commands: the lines behind `$ ` in a console, every line of a script. A console may hold an output alone."""
    if block.language not in _TYPED:
        return []
    found: list[Typed] = []
    for line in block.text.splitlines():
        if block.language == "bash":
            found += [Typed(line)] if line.strip() else []
        elif line.startswith("$ "):
            found.append(Typed(line.removeprefix("$ ")))
        elif found:
            found[-1].output.append(line)
    return found


def main() -> None:
    """List what is not run."""
    for block in blocks():
        for one in typed(block) if block.reason else ():
            print(f"{block.place}: {one.command}\n    {block.reason}")


if __name__ == "__main__":
    main()
