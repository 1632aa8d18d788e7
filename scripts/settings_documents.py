"""Write what is made of the table of settings: the keyword arguments of `flakeproof.run`, and the table in the docs."""

from collections.abc import Iterator
from pathlib import Path

from flakeproof.settings.table import PANELS, Setting, settings

ROOT = Path(__file__).parent.parent
KEYWORDS = ROOT / "src" / "flakeproof" / "settings" / "keywords.py"
PAGE = ROOT / "docs" / "configuration.md"
BEGIN, END = "<!-- made by scripts/settings_documents.py -->\n", "<!-- end -->\n"


def keywords() -> str:
    """The module that declares the keyword arguments, for those who check types."""
    rows = [row for row in settings().values() if row.is_keyword]
    return "".join(
        [
            '"""The keyword arguments of `flakeproof.run`; made of the table by scripts/settings_documents.py."""\n\n',
            "import os\nfrom collections.abc import Sequence\nfrom typing import TypedDict\n\n\n",
            "class RunKeywords(TypedDict, total=False):\n",
            '    """Each is written as on the command line; None is as good as nothing."""\n\n',
            *(f"    {row.argument_name}: {row.value.python} | None\n" for row in rows),
        ]
    )


def page(text: str) -> str:
    """The page of the docs, with the table as it has to be between the two marks."""
    before, _, rest = text.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise SystemExit(f"{PAGE} has lost the marks between which the table stands")
    return "".join([before, BEGIN, *_tables(), END, after])


def _tables() -> Iterator[str]:
    for panel in PANELS:
        yield f"\n### {panel}\n\n| setting | what | default |\n|---|---|---|\n"
        for row in settings().values():
            if row.panel == panel:
                yield f"| `{row.name}` | {_what(row)} | {_cell(row.words)} |\n"
    yield "\n"


def _what(row: Setting) -> str:
    """What it is; for which targets or commands, unless it is for `run`, whatever is run."""
    text = _cell(row.help.partition(" [")[0])
    commands = sorted(row.commands - {"config", "arm"})
    if not commands:
        return f"{text} Not an option."
    return text if "run" in commands else f"{text} For `{'`, `'.join(commands)}`."


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


if __name__ == "__main__":
    KEYWORDS.write_text(keywords())
    PAGE.write_text(page(PAGE.read_text()))
