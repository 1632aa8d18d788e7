"""What `run`, `stress` and `replay` have in common: settings in, a run on the console, its exit code out."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flakeproof.errors import ExitCode
from flakeproof.events import AnyEvent, TrialFailed
from flakeproof.features.run import github_annotations, report
from flakeproof.features.run.documents import renderers
from flakeproof.features.run.plain_console import PlainConsole
from flakeproof.features.run.recorded_run import conduct
from flakeproof.model import RunSpec, TargetSpec
from flakeproof.reports.files import ReportFiles
from flakeproof.reports.presentation import Presentation, ignore_signals
from flakeproof.reports.terminal import wants_live
from flakeproof.reports.writer import Style, Writer
from flakeproof.results.summary import Summary
from flakeproof.settings.as_typed import command_name
from flakeproof.settings.load import Config
from flakeproof.stop import is_signal
from flakeproof.store.folder import store_of
from flakeproof.text import number, rate, short_duration, shown_path

if TYPE_CHECKING:
    from flakeproof.features.run.live_console import LiveConsole

_REPEATED = 20


class Session:
    """One run in front of the user."""

    def __init__(self, spec: RunSpec, config: Config, files: ReportFiles) -> None:
        """`files` are the reports to leave."""
        self._spec = spec
        self._config = config
        self._presentation = Presentation(files)
        self._console: PlainConsole | LiveConsole | None = None
        self._repeated: list[str] | None = None

    def run(self, *, heading: str = "", becomes_latest: bool = True, repeats_failures: bool = False) -> Summary:
        """Run it with everything printed that comes along; `heading` comes first.

        With `repeats_failures` their lines are kept for `print_results`. Raises UsageError or CannotRunError.
        """
        if repeats_failures:
            self._repeated = []
        with self._presentation.running():
            try:
                summary = conduct(
                    self._spec,
                    store_of(self._config),
                    lambda folder: self._sinks(folder, heading),
                    lambda text: self._presentation.warn(text),
                    self._config.value("keep-runs"),
                    becomes_latest=becomes_latest,
                )
                if is_signal(summary.stopped):
                    ignore_signals()
                return summary
            finally:
                if self._console is not None:
                    self._console.close()

    def print_results(self, summary: Summary) -> None:
        """The results block, the closing line, and where the record is."""
        lines = [*report.results(summary, command_name())]
        self._presentation.block(lines)
        if self._repeated:
            more = f"the first {len(self._repeated)} of " if summary.failed > len(self._repeated) else ""
            self.print("")
            self.print(f"Failures ({more}{number(summary.failed)}):")
            for line in self._repeated:
                self.print(f"  {line}", Style.BAD)
        self.print("")
        self.print(report.closing(summary), _style_of(summary))
        self._presentation.note(f"Output and events of this run are in {shown_path(summary.folder)}", Style.DIM)

    def print(self, line: str, style: Style = Style.PLAIN) -> None:
        """A line of the result."""
        self._presentation.print(line, style)

    def finish(self, summary: Summary) -> int:
        """Write the reports and return the exit code."""
        annotations = github_annotations.annotations(summary, os.environ)
        return self._presentation.finish(summary.exit_code, renderers(summary), annotations)

    def _sinks(self, folder: Path, heading: str) -> list[Any]:
        self._presentation.copy_to(folder)
        if heading:
            self._presentation.note(heading, Style.TITLE)
        self._presentation.note(announcement(self._spec))
        self._console = _console(self._presentation.writer)
        return [self._console, self._repeat]

    def _repeat(self, event: AnyEvent) -> None:
        if self._repeated is not None and isinstance(event, TrialFailed) and len(self._repeated) < _REPEATED:
            self._repeated.append(report.failure(event.number, event.failure))


def _style_of(summary: Summary) -> Style:
    if summary.ok:
        return Style.GOOD
    return Style.BAD if summary.failed and summary.exit_code != ExitCode.INCONCLUSIVE else Style.WARNING


def described(target: TargetSpec) -> str:
    """Its name and settings."""
    values = ", ".join(
        f"{name} {short_duration(value) if isinstance(value, float) else value}"
        for name, value in target.settings.items()
    )
    return f"{target.name}{f' ({values})' if values else ''}"


def announcement(spec: RunSpec) -> str:
    """One line that says what is run, and how."""
    plan = "tests" if spec.count is None else f"{spec.count:,} test{'s' if spec.count != 1 else ''}"
    if spec.duration is not None:
        plan += f" for {spec.duration:g}s" if spec.count is None else f" or {spec.duration:g}s"
    if spec.question is not None:
        plan = f"at most {plan}, until it is known whether the failure rate is below {rate(spec.question.rate)}"
    return (
        f"{described(spec.target)}: {plan}, {spec.workers} at once "
        f"in {spec.processes} process{'es' if spec.processes != 1 else ''}, "
        f"isolation {spec.isolation.value}, seed {spec.seed}"
    )


def _console(writer: Writer) -> "PlainConsole | LiveConsole":
    if not wants_live(writer.notes):
        return PlainConsole(writer)
    from rich.console import Console

    from flakeproof.features.run.live_console import LiveConsole

    return LiveConsole(writer, Console(file=writer.notes))
