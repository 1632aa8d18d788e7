"""The one path by which every feature presents its results.

Reports are checked before anything runs (`running`) and withdrawn if nothing could be run; the results are printed as a
block; `finish` writes annotations, the job summary of GitHub Actions and the reports, and decides the exit code.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flakeproof.errors import ExitCode
from flakeproof.reports.files import Renderers, ReportFiles, append_summary
from flakeproof.reports.foreign import in_github_actions
from flakeproof.reports.writer import Style, Writer, standard
from flakeproof.store.folder import OUTPUT_NAME


class Presentation:
    """One command in front of the user: lines to the console, documents to files."""

    def __init__(
        self, files: ReportFiles, *, quiet: bool = False, keeps_colours: bool = False, copies: bool = False
    ) -> None:
        """`files` are the reports to write; with `quiet`, only the verdict and warnings are printed.

        With `keeps_colours`, a terminal shows the colours of the tests' output. With `copies`, `copy_to` follows, and
        only warnings are printed before it.
        """
        self._files = files
        self._quiet = quiet
        self._keeps_colours = keeps_colours
        self.writer: Writer = standard() if copies else standard(results_to_stderr=files.on_stdout, quiet=quiet)

    @property
    def on_stdout(self) -> bool:
        """Whether a report goes to stdout, which must then carry nothing else."""
        return self._files.on_stdout

    def copy_to(self, folder: Path) -> None:
        """From now on, also write every line to a file in the folder of a run."""
        self.writer.close()
        self.writer = standard(
            folder / OUTPUT_NAME,
            results_to_stderr=self._files.on_stdout,
            quiet=self._quiet,
            keeps_colours=self._keeps_colours,
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        """Check the reports first; remove what was made for them if the block raises. Raises UsageError."""
        self._files.prepare()
        try:
            yield
        except BaseException:
            self._files.withdraw()
            self.writer.close()
            raise

    def note(self, line: str, style: Style = Style.PLAIN) -> None:
        """Print a line about progress."""
        self.writer.note(line, style)

    def warn(self, text: str) -> None:
        """Print a warning."""
        self.writer.warn(text)

    def print(self, line: str, style: Style = Style.PLAIN) -> None:
        """Print a line of the answer."""
        self.writer.result(line, style)

    def block(
        self,
        lines: Iterable[str],
        closing: str | None = None,
        style: Style = Style.PLAIN,
        *,
        answer: Style = Style.PLAIN,
    ) -> None:
        """Print the results: an empty line, a title and the lines below it; then the `closing` line in its `style`.

        The line below the title has the style `answer`, for a feature that answers there. A quiet command prints only
        the closing line.
        """
        self.print("")
        for index, line in enumerate(lines):
            self.print(line, (Style.TITLE, answer)[index] if index < 2 else Style.PLAIN)
        if closing is not None:
            self.print("")
            self.writer.verdict(closing, style)

    def finish(self, code: int, renderers: Renderers, annotations: Iterable[str] = ()) -> int:
        """Write the reports; return the exit code: `code`, unless that means success and a report is missing.

        In a step of GitHub Actions, the `annotations` are printed and the Markdown document becomes the job summary.
        """
        if in_github_actions(os.environ):
            for line in annotations:
                self.writer.command(line)  # even with --quiet, because GitHub hides these lines
            if (problem := append_summary(renderers["markdown"](), os.environ)) is not None:
                self.warn(f"the job summary was not written: {problem}")
        for problem in self._files.write(renderers):
            self.warn(problem)
            code = code or ExitCode.BROKEN  # a missing report must not look like success
        self.writer.close()
        return int(code)
