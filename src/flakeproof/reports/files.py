"""The reports that are documents: which ones a run is to leave; checked before it, written after it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from flakeproof.errors import UsageError
from flakeproof.reports.document import STDOUT, Document
from flakeproof.settings.load import Config

_TITLES = {"junit-xml": "JUnit", "json": "JSON", "markdown": "Markdown"}
NAMES = tuple(_TITLES)
"""Of the settings that each name the file of a report."""
Renderers = Mapping[str, Callable[[], bytes]]
"""By the name of the setting, what makes the document."""


class ReportFiles:
    """All documents that a run is to leave, handled alike."""

    def __init__(self, wanted: Mapping[str, Document]) -> None:
        """`wanted` are documents by the name of their setting."""
        self._wanted = wanted

    @property
    def on_stdout(self) -> bool:
        """Whether stdout carries a document, and must carry nothing else."""
        return any(document.is_stdout for document in self._wanted.values())

    def prepare(self) -> None:
        """See whether all can be written, and make their folders. Raises UsageError; nothing is left then."""
        try:
            for document in self._wanted.values():
                document.prepare()
        except UsageError:
            self.withdraw()
            raise

    def withdraw(self) -> None:
        """There will be no documents: remove the folders that were made for them."""
        for document in reversed(list(self._wanted.values())):
            document.withdraw()

    def write(self, renderers: Renderers) -> list[str]:
        """Write all of them; return what to tell of those that could not be written."""
        missing: list[str] = []
        for name, document in self._wanted.items():
            try:
                document.write(renderers[name]())
            except OSError as error:
                missing.append(f"the {_TITLES[name]} report was not written: {error.strerror or error}")
        return missing


def report_files(config: Config, *, only_asked: bool = False, names: Sequence[str] = NAMES) -> ReportFiles:
    """Those of `names` in `config`; with `only_asked` not those that the project or the environment wants of each run.

    Raises UsageError for two in one place.
    """
    wanted: dict[str, Document] = {}
    taken: dict[object, str] = {}
    for name in names:
        target: str | None = config.get(name)
        if target is None or (only_asked and not config.is_asked_for(name)):
            continue
        place = STDOUT if target == STDOUT else _same(target)
        if place in taken:
            what = "stdout" if target == STDOUT else target
            raise UsageError(
                f"{config.source(taken[place])} and {config.source(name)} are both to be written to {what}",
                "give each report a place of its own",
            )
        taken[place] = name
        wanted[name] = Document(config.source(name), target)
    return ReportFiles(wanted)


def _same(name: str) -> object:
    with suppress(OSError):
        return Path(name).resolve()
    return name
