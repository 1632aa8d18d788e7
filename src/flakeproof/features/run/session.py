"""What `run`, `stress` and `replay` have in common: settings in, a run on the console, its exit code out."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flakeproof.errors import ExitCode, UsageError
from flakeproof.features.run import report
from flakeproof.features.run.earlier import Rest
from flakeproof.features.run.forgotten_dashes import is_command, with_dashes
from flakeproof.features.run.plain_console import PlainConsole
from flakeproof.features.run.recorded_run import conduct
from flakeproof.model import PytestTarget, RunSpec, TargetSpec
from flakeproof.reports.files import ReportFiles, of_run
from flakeproof.reports.foreign import in_github_actions
from flakeproof.reports.selection import Shown
from flakeproof.reports.terminal import wants_live
from flakeproof.reports.writer import Detail, Style, Writer, standard
from flakeproof.results.summary import Summary
from flakeproof.settings import load as configuration
from flakeproof.settings.load import Config
from flakeproof.stats.threshold import trials_without_failure
from flakeproof.store.folder import KEPT_RUNS, OUTPUT_NAME, store_of
from flakeproof.targets.command import CommandLine
from flakeproof.targets.project import has_tests
from flakeproof.targets.tests import PytestLine, names_tests
from flakeproof.text import number, plural, rate, short_duration, shown_path

if TYPE_CHECKING:
    from flakeproof.features.run.live_console import LiveConsole

_CAN_BE_DENIED = ("private_network",)
"""Flags of which "no" is another thing than nothing."""
_COMMAND_FORM = "flakeproof run -- ./program ARGUMENT"
_EXAMPLES = {"--set": "io=threads", "--env": "GOMAXPROCS=1"}


def settings(options: Mapping[str, Any], targets: Sequence[str] = ()) -> Config:
    """The settings of this command for `targets`; a flag that was not given is not a setting."""
    given = {
        name.replace("_", "-"): value
        for name, value in options.items()
        if value != [] and (value is not False or name in _CAN_BE_DENIED)
    }
    return configuration.load(given, os.environ, Path.cwd(), targets=targets)


def target_of(
    words: list[str],
    command: list[str] | None,
    selected: Mapping[str, str | None],
    has_pytest_arguments: bool,
    env: list[str] | None,
    *,
    shell: bool,
) -> str | CommandLine | PytestLine:
    """The target of a command line: `words`, or what followed `--`; `selected` are -k and -m. Raises UsageError."""
    expressions = {option: text for option, text in selected.items() if text is not None}
    if command is not None:
        if words:
            raise UsageError(f"both a target ({words[0]!r}) and a command after --", "give one of the two")
        for option in expressions:
            raise UsageError(f"{option} is for tests of pytest, and this is a command", "leave it out")
        if not command or not command[0]:
            raise UsageError("nothing follows --", f"write it like {_COMMAND_FORM}")
        return CommandLine(command, shell, pairs("--env", env, empty=True))
    if shell or env:
        raise UsageError(f"{'--shell' if shell else '--env'} is for commands", "a command is what follows --")
    if is_command(words, Path.cwd()):
        raise UsageError(f"{words[0]!r} is no test and no function", with_dashes(words))
    asks_for_all = not words and (expressions or has_pytest_arguments or has_tests(Path.cwd()))
    if asks_for_all or names_tests(words, Path.cwd()):
        return PytestLine(words, [word for pair in expressions.items() for word in pair])
    if not words:
        raise UsageError(
            "there is no target, and no project of pytest here",
            f"name tests, a function, a scenario, or a command: {_COMMAND_FORM}",
        )
    for option in expressions:
        raise UsageError(f"{option} is for tests of pytest, and {words[0]} is none", "leave it out")
    return words[0]


def pairs(option: str, given: list[str] | None, *, empty: bool = False) -> dict[str, str]:
    """The `NAME=VALUE` of `option` as a dictionary; a value may be `empty`. Raises UsageError."""
    found: dict[str, str] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if option == "--env" and not equals:
            name, equals, value = text, "=", _of_environment(text)
        if not (name and equals and (value or empty)):
            raise UsageError(f"{option} {text!r} is not NAME=VALUE", f"write it like {option} {_EXAMPLES[option]}")
        if found.get(name, value) != value:
            raise UsageError(
                f"{option} {name}={found[name]} and {option} {text} contradict each other", "give one of the two"
            )
        found[name] = value
    return found


def _of_environment(name: str) -> str:
    """The value that `--env NAME` means."""
    value = os.environ.get(name)
    if value is None:
        raise UsageError(
            f"--env {name}: the environment has no such variable", f"write it like --env {_EXAMPLES['--env']}"
        )
    return value


class Session:
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
    ) -> None:
        """`files` are the reports to leave, `shown` is which failures are told when they happen.

        Without `copies` there is no run to keep what is printed in.
        """
        self._detail = detail
        self._shown = Shown.ALL if detail is Detail.VERBOSE else shown
        self._spec = spec
        self._config = config
        self._files = files
        self._writer = standard() if copies else standard(results_to_stderr=files.on_stdout)
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
        self._files.prepare()
        try:
            return conduct(
                self._spec,
                store_of(self._config),
                lambda folder: self._sinks(folder, heading),
                self.warn,
                self._config.get("keep-runs") or KEPT_RUNS,
                becomes_latest=becomes_latest,
                rest=rest,
                of=folder,
                watches_copies=True,
            )
        except BaseException:
            self._files.withdraw()
            self._writer.close()
            raise
        finally:
            if self._console is not None:
                self._console.close()

    def print_results(self, summary: Summary) -> None:
        """The results block, the closing line, and where the record is."""
        self.print("")
        verbose = self._detail is Detail.VERBOSE
        for index, line in enumerate(report.results(summary, command_name(), verbose=verbose)):
            self.print(line, Style.PLAIN if index else Style.TITLE)
        self.print("")
        self._writer.verdict(report.closing(summary, verbose=verbose), _style_of(summary))
        self._writer.note(f"Output and events of this run are in {shown_path(summary.folder)}", Style.DIM)

    def print(self, line: str, style: Style = Style.PLAIN) -> None:
        """A line of the result."""
        self._writer.result(line, style)

    def finish(self, summary: Summary) -> int:
        """Write the reports and return the exit code."""
        code = summary.exit_code
        if "GITHUB_ACTIONS" in os.environ:
            self._tell_github(summary)
        for problem in self._files.write(of_run(summary)):
            self.warn(problem)
            # What was asked for is not there; that must not look like success.
            code = code or ExitCode.BROKEN
        self._writer.close()
        return int(code)

    def _tell_github(self, summary: Summary) -> None:
        from flakeproof.features.run import github_annotations, markdown

        if not in_github_actions(os.environ):
            return
        for line in github_annotations.annotations(summary, os.environ):
            self._writer.command(line)  # with --quiet, too: they are for GitHub, which hides them
        if (problem := github_annotations.append_summary(markdown.render(summary), os.environ)) is not None:
            self.warn(f"the job summary was not written: {problem}")

    def warn(self, text: str) -> None:
        """A remark that the user had better read."""
        self._writer.warn(text)

    def _sinks(self, folder: Path, heading: str) -> list[Any]:
        self._writer.close()
        quiet = self._detail is Detail.QUIET
        self._writer = standard(
            folder / OUTPUT_NAME,
            results_to_stderr=self._files.on_stdout,
            quiet=quiet,
            keeps_colours=bool(self._config.get("color-output")),
        )
        if heading:
            self._writer.note(heading, Style.TITLE)
        self._writer.note(announcement(self._spec))
        if doubt := too_short(self._spec):
            self._writer.note(doubt, Style.WARNING)
        self._console = _console(self._writer, self._shown, live=not quiet)
        return [self._console]


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
    # Before pytest has collected, nobody knows whether it is one test or a pass over several.
    what = "time" if isinstance(spec.target, PytestTarget) else "test"
    plan = f"{what}s" if spec.count is None else plural(spec.count, what)
    if spec.duration is not None:
        plan += f" for {spec.duration:g}s" if spec.count is None else f" or {spec.duration:g}s"
    if spec.question is not None:
        plan = f"at most {plan}, until it is known whether the failure rate is below {rate(spec.question.rate)}"
    return (
        f"{described(spec.target)}: {plan}, {spec.workers} at once "
        f"in {spec.processes} process{'es' if spec.processes != 1 else ''}, "
        f"isolation {spec.isolation.value}, seed {spec.seed}{interpreter_of(spec.target)}"
    )


def interpreter_of(target: TargetSpec) -> str:
    """`, Python /x/bin/python (the active virtual environment)`, where one had to be found."""
    return f", Python {shown_path(target.python)} ({target.python_from})" if target.python_from else ""


def too_short(spec: RunSpec) -> str:
    """Said before a run whose tests are too few to find that the rate is below the one in question; "" if they do."""
    question = spec.question
    if question is None or spec.count is None:
        return ""
    needed = trials_without_failure(question.rate, question.error)
    if spec.count >= needed:
        return ""
    return (
        f"{plural(spec.count, 'test')} cannot show a failure rate below {rate(question.rate)}, even if all pass: "
        f"{number(needed)} passing tests are needed; -c {needed}"
    )


def command_name() -> str:
    """How this program is called here, for commands that a user is told to type."""
    beside = Path(sys.executable).with_name("flakeproof")
    found = shutil.which("flakeproof")
    if found is not None and Path(found).resolve() == beside.resolve():
        return "flakeproof"
    return shown_path(str(beside)) if beside.exists() else f"{shown_path(sys.executable)} -m flakeproof"


def _console(writer: Writer, shown: Shown, *, live: bool) -> "PlainConsole | LiveConsole":
    if not live or not wants_live(writer.notes):
        return PlainConsole(writer, shown)
    from rich.console import Console

    from flakeproof.features.run.live_console import LiveConsole

    return LiveConsole(writer, Console(file=writer.notes), shown)
