"""What `run`, `stress` and `replay` have in common: settings in, a run on the console, its exit code out."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from flakeproof.errors import ExitCode
from flakeproof.features.run import github_annotations, report
from flakeproof.features.run.earlier import Rest
from flakeproof.features.run.plain_console import PlainConsole, Shown
from flakeproof.features.run.recorded_run import StateLook, conduct, renderers
from flakeproof.model import CommandTarget, PytestTarget, RunSpec, TargetSpec
from flakeproof.reports.files import ReportFiles
from flakeproof.reports.presentation import Presentation
from flakeproof.reports.writer import Detail, Style, Writer, wants_live
from flakeproof.results.summary import Summary
from flakeproof.settings.from_options import command_name
from flakeproof.settings.load import Config
from flakeproof.stats.threshold import trials_without_failure
from flakeproof.store.folder import store_of
from flakeproof.text import number, plural, rate, short_duration, shortened, shown_path

if TYPE_CHECKING:
    from flakeproof.features.run.live_console import LiveConsole


class RunKeeper(Protocol):
    """What is to know of a run that has ended."""

    def record(self, folder: Path) -> str | None:
        """Take in the run whose record is in `folder`; why not, where that is not possible."""


KeeperOf = Callable[[Config], RunKeeper | None]
"""The recorder that settings ask for; raises UsageError for one that could not record."""


class RunSession:
    """One run in front of the user."""

    def __init__(
        self,
        spec: RunSpec,
        config: Config,
        files: ReportFiles,
        *,
        detail: Detail = Detail.USUAL,
        shown: Shown = Shown.FIRST,
        copies: bool = True,
        recorder: RunKeeper | None = None,
        look: StateLook | None = None,
    ) -> None:
        """`files` are the reports to leave, `shown` is which failures are told when they happen.

        The `recorder` is told of the run when it has ended; `look` finds what stays of a test that cannot run twice in
        one process.

        Without `copies` there is no run to keep what is printed in.
        """
        self._detail = detail
        self._shown = Shown.ALL if detail is Detail.VERBOSE else shown
        self._spec = spec
        self._config = config
        self._recorder = recorder
        self._look = look
        self._presentation = Presentation(
            files, quiet=detail is Detail.QUIET, keeps_colours=bool(config.get("color-output")), copies=copies
        )
        self._console: PlainConsole | LiveConsole | None = None

    def run(
        self,
        *,
        heading: str = "",
        becomes_latest: bool = True,
        rest: Rest | None = None,
        folder: Path | None = None,
    ) -> Summary:
        """Run it with everything printed that comes along; `heading` comes first.

        With `rest`, what is missing of the run in `folder` is run. Raises UsageError or CannotRunError.
        """
        with self._presentation.running():
            try:
                return conduct(
                    self._spec,
                    store_of(self._config),
                    lambda folder: self._sinks(folder, heading),
                    self.warn,
                    self._config.value("keep-runs"),
                    becomes_latest=becomes_latest,
                    rest=rest,
                    of=folder,
                    watches_copies=True,
                    look=self._look,
                )
            finally:
                if self._console is not None:
                    self._console.close()

    def print_results(self, summary: Summary) -> None:
        """The results block, the closing line, and where the record is."""
        verbose = self._detail is Detail.VERBOSE
        rows = report.results(summary, command_name(), verbose=verbose)
        self._presentation.block(rows, report.closing(summary, verbose=verbose), _style_of(summary))
        self._presentation.note(f"Output and events of this run are in {shown_path(summary.folder)}", Style.DIM)

    def print(self, line: str, style: Style = Style.PLAIN) -> None:
        """A line of the result."""
        self._presentation.print(line, style)

    def note(self, line: str) -> None:
        """A line about the way to the answer."""
        self._presentation.note(line)

    def finish(self, summary: Summary) -> int:
        """Write the reports and return the exit code."""
        annotations = github_annotations.annotations(summary, os.environ)
        code = summary.exit_code
        if self._recorder is not None and (problem := self._recorder.record(Path(summary.folder))) is not None:
            self.warn(problem)
            code = code or ExitCode.BROKEN  # what was asked for is not there
        return self._presentation.finish(code, renderers(summary), annotations)

    def warn(self, text: str) -> None:
        """A remark that the user had better read."""
        self._presentation.warn(text)

    def _sinks(self, folder: Path, heading: str) -> list[Any]:
        self._presentation.copy_to(folder)
        if heading:
            self._presentation.note(heading, Style.TITLE)
        self._presentation.note(announcement(self._spec))
        if doubt := too_short(self._spec):
            self._presentation.note(doubt, Style.WARNING)
        self._console = _console(self._presentation.writer, self._shown, live=self._detail is not Detail.QUIET)
        return [self._console]


def _style_of(summary: Summary) -> Style:
    if summary.ok:
        return Style.GOOD
    return Style.BAD if summary.failed and summary.exit_code != ExitCode.INCONCLUSIVE else Style.WARNING


_GLOB = 60
"""Characters of the name of files that are shown."""


def described(target: TargetSpec) -> str:
    """Its name and settings."""
    values = ", ".join(
        f"{name} {short_duration(value) if isinstance(value, float) else value}"
        for name, value in target.settings.items()
    )
    return f"{target.name}{f' ({values})' if values else ''}"


def announcement(spec: RunSpec) -> str:
    """One line that says what is run, and how."""
    # Before pytest has collected, nobody knows whether it is one test or a pass over several.
    what = "time" if isinstance(spec.target, PytestTarget) else "test"
    most = "" if spec.question is None else "at most "
    if spec.count is None:
        plan = f"{what}s" if spec.duration is None else f"{what}s for {most}{spec.duration:g}s"
    else:
        plan = most + plural(spec.count, what) + ("" if spec.duration is None else f" or {spec.duration:g}s")
    if spec.question is not None:
        plan += f", until it is known whether the failure rate is below {rate(spec.question.rate)}"
    if spec.shard is not None:
        plan = f"part {spec.shard[0]} of {spec.shard[1]}: {plan}"
    where = f"{spec.workers} at once in {plural(spec.processes, 'process', 'processes')}"
    if spec.on is not None:
        where = "as many at once as there are processors" if spec.adapts_workers else where
        where += f" on each node of the cluster at {spec.on}"
    if isinstance(spec.target, CommandTarget) and spec.target.results is not None:
        plan += f", the tests in {shortened(spec.target.results, _GLOB)} counted one by one"
    return (
        f"{described(spec.target)}: {plan}, {where}, "
        f"isolation {spec.isolation.value}, seed {spec.seed}{interpreter_of(spec.target)}"
    )


def interpreter_of(target: TargetSpec) -> str:
    """`, Python /x/bin/python (the active virtual environment)`, where one had to be found."""
    return f", Python {shown_path(target.python)} ({target.python_from})" if target.python_from else ""


def too_short(spec: RunSpec) -> str:
    """Said before a run whose tests are too few to find that the rate is below the one in question; "" if they do."""
    question = spec.question
    if question is None or spec.count is None or spec.shard is not None:
        return ""  # a part of a run answers nothing by itself
    needed = trials_without_failure(question.rate, question.error)
    if spec.count >= needed:
        return ""
    return (
        f"{plural(spec.count, 'test')} cannot show a failure rate below {rate(question.rate)}, even if all pass: "
        f"{number(needed)} passing tests are needed; -c {needed}"
    )


def _console(writer: Writer, shown: Shown, *, live: bool) -> "PlainConsole | LiveConsole":
    if not live or not wants_live(writer.notes):
        return PlainConsole(writer, shown)
    from rich.console import Console

    from flakeproof.features.run.live_console import LiveConsole

    return LiveConsole(writer, Console(file=writer.notes), shown)
